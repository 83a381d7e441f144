//! The memory of an engine's requests, which is reused.

use std::sync::OnceLock;

use crate::{sync::Mutex, timeline::active_request::ActiveRequest};

/// Requests are allocated this many at a time: 544 KiB.
const PAGE: u32 = 256;
/// The most pages: 16,384 concurrent requests and 34 MiB. Further requests are counted as dropped
/// and not measured.
const PAGES: u32 = 64;
/// Free requests that a thread takes at a time.
const BATCH: usize = 16;
/// Free requests that a thread keeps before it gives some back: a request may end on another
/// thread than its owner, and free requests of an idle thread are lost to the others.
const KEEP: usize = 48;

/// All requests of an engine, in pages allocated on first use.
#[derive(Debug)]
pub(crate) struct Pool {
    pages: [OnceLock<Box<[ActiveRequest]>>; PAGES as usize],
    shared: Mutex<Free>,
}

/// Free requests that no thread keeps.
#[derive(Debug, Default)]
struct Free {
    indices: Vec<u32>,
    pages_made: u32,
}

// === impl Pool ===

impl Pool {
    pub(crate) fn new() -> Self {
        Self { pages: [const { OnceLock::new() }; PAGES as usize], shared: Mutex::default() }
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&ActiveRequest> {
        self.pages.get((index / PAGE) as usize)?.get()?.get((index % PAGE) as usize)
    }

    /// Takes a free request, if possible one of the thread's own. Returns `None` when all are in
    /// use.
    #[inline]
    pub(crate) fn take(&self, own: &mut Vec<u32>) -> Option<u32> {
        own.pop().or_else(|| self.refill(own))
    }

    /// Returns a request to the thread's own ones.
    #[inline]
    pub(crate) fn put_back(&self, own: &mut Vec<u32>, index: u32) {
        own.push(index);
        if KEEP < own.len() {
            self.shared.lock().indices.extend(own.drain(KEEP / 2..));
        }
    }

    /// Returns all free requests of a thread that ends.
    pub(crate) fn put_all_back(&self, own: &mut Vec<u32>) {
        self.shared.lock().indices.append(own);
    }

    /// Returns the number of allocated pages.
    #[cfg(test)]
    pub(crate) fn pages_made(&self) -> u32 {
        self.shared.lock().pages_made
    }

    #[cold]
    fn refill(&self, own: &mut Vec<u32>) -> Option<u32> {
        let mut free = self.shared.lock();
        if free.indices.is_empty() && free.pages_made < PAGES {
            let page = free.pages_made;
            self.pages[page as usize]
                .get_or_init(|| (0..PAGE).map(|_| ActiveRequest::new()).collect());
            free.pages_made += 1;
            // In reverse, so that low indices are used first and stay in the cache.
            free.indices.extend((page * PAGE..(page + 1) * PAGE).rev());
        }
        let rest = free.indices.len().saturating_sub(BATCH);
        own.extend(free.indices.drain(rest..));
        own.pop()
    }
}
