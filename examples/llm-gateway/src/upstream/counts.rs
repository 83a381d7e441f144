//! What became of the requests that the simulated upstream got.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// How many requests came, and what became of them; all others are still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests for a completion, except those that were refused.
    pub requests: u64,
    /// Replies that were given as planned, planned failures and breaks included.
    pub completed: u64,
    /// Requests whose caller went away before the reply's end.
    pub cancelled: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
}

/// A request under way; dropped before [`Open::complete`], it counts as cancelled.
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
