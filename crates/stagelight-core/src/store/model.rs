//! All schedules of threads that write, end and read.

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::{
    catalog::{
        self,
        labels::{Dropped, Model},
    },
    fine::FineBuckets,
};

fn store() -> Arc<Store> {
    Arc::new(Store::new(FineBuckets::ForQuantiles))
}

/// Acts as a thread: takes a shard, counts, and gives the shard back.
fn live(store: &Store, times: u64) {
    let mut writer = Writer::new(store);
    for _ in 0..times {
        writer.count_dropped(store, Dropped::OutsideRequest);
    }
    writer.retire(store);
}

/// Returns the number of dropped measurements that a reader sees.
fn counted(store: &Store) -> u64 {
    let shards = store.shards.lock().all.clone();
    let sums = sums_of(&catalog::DROPPED, catalog::DROPPED.index.unwrap(), &shards);
    let count = |it: &Vec<Point>| if let Point::Counter(count) = it[0] { count } else { 0 };
    sums.values().map(count).sum()
}

#[test]
fn threads_that_come_and_go_lose_nothing_in_any_schedule() {
    loom::model(|| {
        let store = store();
        let first = {
            let store = Arc::clone(&store);
            thread::spawn(move || live(&store, 2))
        };
        live(&store, 2);
        first.join().unwrap();
        live(&store, 1);
        assert_eq!(counted(&store), 5);
        assert!(store.shards.lock().all.len() <= 2);
    });
}

#[test]
fn a_reader_never_sees_more_than_there_is_nor_less_than_before() {
    loom::model(|| {
        let store = store();
        let writing = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                live(&store, 1);
                live(&store, 1);
            })
        };
        let (first, second) = (counted(&store), counted(&store));
        assert!(first <= second && second <= 2, "{first} then {second}");
        writing.join().unwrap();
        assert_eq!(counted(&store), 2);
    });
}

#[test]
fn a_new_value_has_one_symbol_whoever_is_first() {
    loom::model(|| {
        let store = store();
        let other = {
            let store = Arc::clone(&store);
            thread::spawn(move || store.symbols.intern(Model::LABEL, "new"))
        };
        let here = store.symbols.intern(Model::LABEL, "new");
        assert_eq!(other.join().unwrap(), here);
    });
}
