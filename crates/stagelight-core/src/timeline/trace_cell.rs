//! Which trace a request is in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::trace::{Caller, UnrecordedTrace, Verdict};

/// A request's trace: written where its span is made, before anybody else knows the span, and read by whoever knows it.
///
/// Relaxed everywhere: a thread gets to know a span only from one that knew it before.
#[derive(Debug, Default)]
pub(crate) struct TraceCell {
    is_decided: AtomicBool,
    is_sampled: AtomicBool,
    /// Spares requests without a caller the mutex.
    has_caller: AtomicBool,
    trace_id: [AtomicU64; 2],
    span_id: AtomicU64,
    caller: Mutex<Option<Caller>>,
}

// === impl TraceCell ===

impl TraceCell {
    /// Forgets everything, for the next request.
    pub(super) fn reset(&self) {
        self.is_decided.store(false, Relaxed);
        if self.has_caller.swap(false, Relaxed) {
            *self.caller.lock() = None;
        }
    }

    pub(crate) fn set_caller(&self, caller: Caller) {
        *self.caller.lock() = Some(caller);
        self.has_caller.store(true, Relaxed);
    }

    pub(crate) fn caller(&self) -> Option<Caller> {
        self.has_caller.load(Relaxed).then(|| self.caller.lock().clone()).flatten()
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves are wanted")]
    pub(crate) fn decide(&self, verdict: &Verdict) {
        self.trace_id[0].store((verdict.trace_id >> 64) as u64, Relaxed);
        self.trace_id[1].store(verdict.trace_id as u64, Relaxed);
        self.span_id.store(verdict.span_id, Relaxed);
        self.is_sampled.store(verdict.is_sampled, Relaxed);
        self.is_decided.store(true, Relaxed);
        if let Some(carried) = &verdict.carried {
            self.set_caller(carried.clone());
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.is_decided.load(Relaxed)
    }

    /// Returns the trace if it was decided that it is not recorded.
    pub(crate) fn unrecorded(&self) -> Option<UnrecordedTrace> {
        if !self.is_decided() || self.is_sampled.load(Relaxed) {
            return None;
        }
        Some(UnrecordedTrace {
            trace_id: self.trace_id(),
            span_id: self.span_id.load(Relaxed),
            carried: self.caller(),
        })
    }

    fn trace_id(&self) -> u128 {
        let [high, low] = &self.trace_id;
        u128::from(high.load(Relaxed)) << 64 | u128::from(low.load(Relaxed))
    }
}
