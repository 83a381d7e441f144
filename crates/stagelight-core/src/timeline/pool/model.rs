//! All schedules of threads that take and return requests.

use loom::thread;

use super::*;

fn take(pool: &Pool, cache: &Cache) -> Option<u32> {
    pool.take_cached(cache).or_else(|| pool.refill(cache))
}

#[test]
fn a_request_is_free_for_any_thread_and_for_one_at_a_time() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(2));
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let cache = pool.add_cache();
                let index = take(&pool, &cache).expect("two threads have one request each");
                pool.put_back(&cache, index);
                // An idle thread: it keeps its cache, and never uses it again.
                index
            })
        };
        let cache = pool.add_cache();
        let first = take(&pool, &cache).expect("two threads have one request each");
        let theirs = other.join().unwrap();
        let second = take(&pool, &cache).expect("one of two requests is open");
        assert!(first != second && theirs < 2, "no request is taken twice");
        assert_eq!(take(&pool, &cache), None);
    });
}

#[test]
fn a_returned_batch_can_be_taken_at_any_moment() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(4));
        let cache = pool.add_cache();
        let taken: Vec<_> = std::iter::from_fn(|| take(&pool, &cache)).collect();
        assert_eq!(taken.len(), 4);
        for &index in &taken[..2] {
            pool.put_back(&cache, index);
        }
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let cache = pool.add_cache();
                let taken = take(&pool, &cache).expect("two of four requests are free");
                pool.put_back(&cache, taken);
                pool.remove_cache(&cache);
            })
        };
        // The third overflows the cache.
        pool.put_back(&cache, taken[2]);
        other.join().unwrap();
        pool.put_back(&cache, taken[3]);
        let again: Vec<_> = std::iter::from_fn(|| take(&pool, &cache)).collect();
        let distinct: std::collections::BTreeSet<_> = again.iter().collect();
        assert_eq!((again.len(), distinct.len()), (4, 4));
    });
}
