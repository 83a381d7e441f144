//! The records of all requests of an engine, used again and again.

use std::sync::OnceLock;

use crate::{sync::Mutex, timeline::active_request::ActiveRequest};

/// Records are made this many at a time: 544 KiB.
const PAGE: u32 = 256;
/// The most pages, so 16,384 requests at once and 34 MiB; requests beyond are counted as dropped, and not measured.
const PAGES: u32 = 64;
/// How many free records a thread takes at a time.
const BATCH: usize = 16;
/// How many free records a thread keeps before it gives some back: requests may end on another thread than they began on. What idle threads keep,
/// others do not have.
const KEEP: usize = 48;

/// All records, in pages that are made when first needed.
#[derive(Debug)]
pub(crate) struct Pool {
    pages: [OnceLock<Box<[ActiveRequest]>>; PAGES as usize],
    shared: Mutex<Free>,
}

/// What is free and in no thread's hands.
#[derive(Debug, Default)]
struct Free {
    records: Vec<u32>,
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

    /// Takes a free record, from the thread's own ones if it has any. `None` when all are in use.
    #[inline]
    pub(crate) fn take(&self, own: &mut Vec<u32>) -> Option<u32> {
        own.pop().or_else(|| self.refill(own))
    }

    /// Gives a record back, to the thread's own ones.
    #[inline]
    pub(crate) fn put_back(&self, own: &mut Vec<u32>, index: u32) {
        own.push(index);
        if KEEP < own.len() {
            self.shared.lock().records.extend(own.drain(KEEP / 2..));
        }
    }

    /// Takes the records of a thread that ends.
    pub(crate) fn put_all_back(&self, own: &mut Vec<u32>) {
        self.shared.lock().records.append(own);
    }

    /// Returns how many pages there are.
    #[cfg(test)]
    pub(crate) fn pages_made(&self) -> u32 {
        self.shared.lock().pages_made
    }

    #[cold]
    fn refill(&self, own: &mut Vec<u32>) -> Option<u32> {
        let mut free = self.shared.lock();
        if free.records.is_empty() && free.pages_made < PAGES {
            let page = free.pages_made;
            self.pages[page as usize]
                .get_or_init(|| (0..PAGE).map(|_| ActiveRequest::new()).collect());
            free.pages_made += 1;
            // From the back, so that low numbers are used first and stay warm.
            free.records.extend((page * PAGE..(page + 1) * PAGE).rev());
        }
        let rest = free.records.len().saturating_sub(BATCH);
        own.extend(free.records.drain(rest..));
        own.pop()
    }
}
