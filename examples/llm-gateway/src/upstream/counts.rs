//! Counts of the simulated upstream's requests, by how they ended.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Numbers of requests, by how they ended; the others are still active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests for a completion, without rejected ones.
    pub requests: u64,
    /// Replies sent as planned, including planned failures and breaks.
    pub completed: u64,
    /// Requests cancelled by the caller before the reply's end.
    pub cancelled: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
}

/// An active request; dropped before [`Open::complete`], it counts as cancelled.
pub(crate) struct Open {
    counters: Arc<Counters>,
    is_complete: bool,
}

// === impl Counters ===

impl Counters {
    /// Counts a request, and returns its number from 0.
    pub(crate) fn open(self: &Arc<Self>) -> (u64, Open) {
        let sequence = self.requests.fetch_add(1, Relaxed);
        (sequence, Open { counters: Arc::clone(self), is_complete: false })
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            completed: self.completed.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
        }
    }
}

// === impl Open ===

impl Open {
    pub(crate) fn complete(&mut self) {
        self.is_complete = true;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Counters { completed, cancelled, .. } = &*self.counters;
        let counter = if self.is_complete { completed } else { cancelled };
        counter.fetch_add(1, Relaxed);
    }
}
