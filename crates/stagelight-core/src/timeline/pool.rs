//! The memory of an engine's requests, which is reused.
//!
//! Each thread caches free requests, so that a request that begins and ends on one thread writes
//! nothing that other threads write. A thread returns surplus in batches, and takes from the other
//! threads' caches when nothing else is free.

use std::sync::{Arc, OnceLock};

use crate::{
    key::SpanKey,
    sync::{
        Mutex,
        atomic::{
            AtomicI64,
            Ordering::{Relaxed, Release},
            fence,
        },
    },
    timeline::active_request::ActiveRequest,
};

/// Requests are allocated this many at a time: 544 KiB. The models use few, like for [`BATCH`].
const PAGE: u32 = if cfg!(all(test, stagelight_model)) { 2 } else { 256 };
/// Free requests that a thread takes at a time, and returns at a time.
const BATCH: usize = if cfg!(all(test, stagelight_model)) { 1 } else { 16 };
/// Free requests that a thread caches before it returns a batch: a request may end on another
/// thread than its owner.
const CACHE: usize = 2 * BATCH;
/// Requests in memory for each one that may be open: ended requests are kept while a span of them
/// is open, and do not count as open.
const PER_OPEN: u32 = 8;
/// The highest limit of open requests.
pub(crate) const MOST_OPEN: u32 = SpanKey::MAX_REQUESTS / PER_OPEN;

/// All requests of an engine, in pages allocated on first use.
#[derive(Debug)]
pub(crate) struct Pool {
    /// The number of open requests up to which none is dropped.
    max_open: u32,
    pages: Box<[OnceLock<Box<[ActiveRequest]>>]>,
    shared: Mutex<Shared>,
}

/// Locked before any [`Cache`].
#[derive(Debug, Default)]
struct Shared {
    /// Free requests that no thread caches.
    free: Vec<u32>,
    /// The number of requests in use or free.
    made: u32,
    /// In the order of their numbers.
    caches: Vec<Arc<Cache>>,
    /// The number of the last cache.
    last_number: u32,
    /// The sum of [`Cache::lingering`] of threads that have ended.
    lingering: i64,
}

/// The threads that have a cache.
#[derive(Debug)]
pub(crate) struct Threads {
    numbers: Vec<u32>,
    last_number: u32,
}

/// The free requests of one thread.
#[derive(Debug)]
// Caches of different threads must not share a cache line.
#[repr(align(128))]
pub(crate) struct Cache {
    /// Unique among all threads of the engine, including ended ones. Never zero.
    pub(crate) number: u32,
    free: Mutex<Vec<u32>>,
    /// Requests that this thread ended while a span of them was open, less those of which it has
    /// closed the last span. Negative if others ended them. Only this thread writes it.
    lingering: AtomicI64,
}

// === impl Pool ===

impl Pool {
    /// Creates a pool for `max_open` requests, at least one.
    pub(crate) fn new(max_open: u32) -> Self {
        let max_open = max_open.clamp(1, MOST_OPEN);
        let pages = (max_open * PER_OPEN).div_ceil(PAGE);
        Self {
            max_open,
            pages: (0..pages).map(|_| OnceLock::new()).collect(),
            shared: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&ActiveRequest> {
        self.pages.get((index / PAGE) as usize)?.get()?.get((index % PAGE) as usize)
    }

    /// Creates a cache for the calling thread, which must [remove](Self::remove_cache) it.
    pub(crate) fn add_cache(&self) -> Arc<Cache> {
        let shared = &mut *self.shared.lock();
        shared.last_number = shared.last_number.wrapping_add(1);
        let number = shared.last_number;
        let cache =
            Arc::new(Cache { number, free: Mutex::default(), lingering: AtomicI64::new(0) });
        shared.caches.push(Arc::clone(&cache));
        cache
    }

    /// Returns the threads that have a cache. The caller sees everything that others have done.
    pub(crate) fn threads(&self) -> Threads {
        let shared = self.shared.lock();
        let numbers = shared.caches.iter().map(|it| it.number).collect();
        Threads { numbers, last_number: shared.last_number }
    }

    /// Returns all free requests of a thread that ends.
    pub(crate) fn remove_cache(&self, cache: &Arc<Cache>) {
        let shared = &mut *self.shared.lock();
        shared.caches.retain(|it| !Arc::ptr_eq(it, cache));
        shared.free.append(&mut cache.free.lock());
        shared.lingering += cache.lingering.load(Relaxed);
    }

    /// Takes a free request from the thread's cache.
    #[inline]
    pub(crate) fn take_cached(&self, own: &Cache) -> Option<u32> {
        own.free.lock().pop()
    }

    /// Returns a request to the thread's cache.
    #[inline]
    pub(crate) fn put_back(&self, own: &Cache, index: u32) {
        let cached = {
            let mut free = own.free.lock();
            free.push(index);
            free.len()
        };
        if CACHE < cached {
            self.return_batch(own);
        }
    }

    /// Returns the number of requests in use or free.
    pub(crate) fn made(&self) -> u32 {
        self.shared.lock().made
    }

    // Holds the shared list until the requests are in the other list, here and in `refill`: a
    // thread that finds the shared list empty must find them in a cache.
    #[cold]
    fn return_batch(&self, own: &Cache) {
        let shared = &mut *self.shared.lock();
        let mut free = own.free.lock();
        // The oldest, so that the thread reuses what is in the processor's cache.
        let batch = BATCH.min(free.len());
        shared.free.extend(free.drain(..batch));
    }

    /// Returns `true` if nothing is free except in caches, and more than a few ended requests are
    /// in use.
    pub(crate) fn has_ended_requests(&self) -> bool {
        let shared = self.shared.lock();
        shared.free.is_empty() && i64::from((PAGE / 4).min(self.max_open)) <= shared.lingering()
    }

    /// Takes a free request from another place than the thread's cache. Returns `None` when all
    /// are in use.
    pub(crate) fn refill(&self, own: &Cache) -> Option<u32> {
        let taken = self.take_shared(own)?;
        // Orders this thread's writes to the requests after the last store of their generation: a
        // thread with a stale key that reads one of the writes must see that generation. The fence
        // of the thread that stored it orders only that thread's writes.
        fence(Release);
        Some(taken)
    }

    fn take_shared(&self, own: &Cache) -> Option<u32> {
        let shared = &mut *self.shared.lock();
        if shared.free.is_empty() {
            self.grow(shared);
        }
        if shared.free.is_empty() {
            let stolen = shared.caches.iter().map(|it| it.steal()).find(|it| !it.is_empty());
            let mut stolen = stolen?;
            let taken = stolen.pop();
            own.free.lock().append(&mut stolen);
            return taken;
        }
        let taken = shared.free.pop();
        let rest = shared.free.len().saturating_sub(BATCH - 1);
        own.free.lock().extend(shared.free.drain(rest..));
        taken
    }

    /// Adds up to a page of requests, if fewer exist than may be open or have ended.
    fn grow(&self, shared: &mut Shared) {
        let lingering = u32::try_from(shared.lingering()).unwrap_or(0);
        let most = self.max_open.saturating_add(lingering).min(self.max_open * PER_OPEN);
        let page = shared.made / PAGE;
        let end = ((page + 1) * PAGE).min(most);
        if end <= shared.made {
            return;
        }
        let Some(cell) = self.pages.get(page as usize) else { return };
        cell.get_or_init(|| (0..PAGE).map(|_| ActiveRequest::new()).collect());
        // In reverse, so that low indices are used first and stay in the processor's cache.
        shared.free.extend((shared.made..end).rev());
        shared.made = end;
    }
}

// === impl Threads ===

impl Threads {
    /// Returns `true` if the thread with this number had ended.
    pub(crate) fn has_ended(&self, number: u32) -> bool {
        number <= self.last_number && self.numbers.binary_search(&number).is_err()
    }
}

// === impl Shared ===

impl Shared {
    /// Returns the number of ended requests that are in use.
    fn lingering(&self) -> i64 {
        self.caches.iter().fold(self.lingering, |sum, it| sum + it.lingering.load(Relaxed))
    }
}

// === impl Cache ===

impl Cache {
    /// Takes half of the free requests.
    fn steal(&self) -> Vec<u32> {
        let mut free = self.free.lock();
        let kept = free.len() / 2;
        free.split_off(kept)
    }

    /// Notes that a request has ended while a span of it is open (1), or that the last span of
    /// such a request has closed (-1).
    pub(crate) fn add_lingering(&self, change: i64) {
        self.lingering.store(self.lingering.load(Relaxed) + change, Relaxed);
    }
}

#[cfg(all(test, stagelight_model))]
mod model;
#[cfg(test)]
mod tests;
