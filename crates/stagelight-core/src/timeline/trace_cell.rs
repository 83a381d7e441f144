//! Which trace a request is in.

use crate::{
    clock::Clock,
    exemplar::TraceRef,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    trace::{HeadDecision, RemoteContext, UnsampledTrace},
};

/// A request's trace: written where its span is made, before anybody else knows the span, and read by whoever knows it.
///
/// Relaxed nearly everywhere: a thread gets to know a span only from one that knew it before.
#[derive(Debug, Default)]
pub(crate) struct TraceCell {
    is_decided: AtomicBool,
    is_sampled: AtomicBool,
    /// Spares requests without a caller the mutex.
    has_caller: AtomicBool,
    trace_id: [AtomicU64; 2],
    /// The request's own span; of a request that is not recorded, what stands for it.
    span_id: AtomicU64,
    /// The ids are those of spans that are recorded.
    is_recorded: AtomicBool,
    is_exemplar: AtomicBool,
    caller: Mutex<Option<RemoteContext>>,
}

// === impl TraceCell ===

impl TraceCell {
    /// Forgets everything, for the next request.
    pub(super) fn reset(&self) {
        self.is_decided.store(false, Relaxed);
        self.is_recorded.store(false, Relaxed);
        self.is_exemplar.store(false, Relaxed);
        // Not swapped: the last holder is alone, and a read-modify-write costs what ten stores do.
        if self.has_caller.load(Relaxed) {
            self.has_caller.store(false, Relaxed);
            *self.caller.lock() = None;
        }
    }

    pub(crate) fn set_caller(&self, caller: RemoteContext) {
        *self.caller.lock() = Some(caller);
        self.has_caller.store(true, Relaxed);
    }

    pub(crate) fn caller(&self) -> Option<RemoteContext> {
        self.has_caller.load(Relaxed).then(|| self.caller.lock().clone()).flatten()
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves are wanted")]
    fn set_ids(&self, trace_id: u128, span_id: u64) {
        self.trace_id[0].store((trace_id >> 64) as u64, Relaxed);
        self.trace_id[1].store(trace_id as u64, Relaxed);
        self.span_id.store(span_id, Relaxed);
    }

    pub(crate) fn decide(&self, decision: &HeadDecision) {
        self.set_ids(decision.trace_id, decision.span_id);
        self.is_sampled.store(decision.is_sampled, Relaxed);
        self.is_decided.store(true, Relaxed);
        if let Some(propagated) = &decision.propagated {
            self.set_caller(propagated.clone());
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.is_decided.load(Relaxed)
    }

    /// Returns the trace if it was decided that it is not recorded.
    pub(crate) fn unrecorded(&self) -> Option<UnsampledTrace> {
        if !self.is_decided() || self.is_sampled.load(Relaxed) {
            return None;
        }
        Some(UnsampledTrace {
            trace_id: self.trace_id(),
            span_id: self.span_id.load(Relaxed),
            propagated: self.caller(),
        })
    }

    /// Says that the request's own span is recorded, under these ids.
    pub(crate) fn record_as(&self, trace_id: u128, span_id: u64) {
        if !self.is_recorded.load(Relaxed) {
            self.set_ids(trace_id, span_id);
            // With the ids, for those who sweep on another thread.
            self.is_recorded.store(true, Release);
        }
    }

    /// Returns where a value of the request comes from, if the request is recorded: the span of this id, or the request's own if it is zero.
    #[inline]
    pub(super) fn trace_ref(&self, span_id: u64, clock: &Clock) -> Option<TraceRef> {
        if !self.is_recorded.load(Acquire) {
            return None;
        }
        let span_id = if span_id == 0 { self.span_id.load(Relaxed) } else { span_id };
        Some(TraceRef { trace_id: self.trace_id(), span_id, at: clock.now() })
    }

    /// Says that a value of the request became an exemplar.
    pub(crate) fn use_as_exemplar(&self) {
        self.is_exemplar.store(true, Relaxed);
    }

    pub(super) fn is_exemplar(&self) -> bool {
        self.is_exemplar.load(Relaxed)
    }

    fn trace_id(&self) -> u128 {
        let [high, low] = &self.trace_id;
        u128::from(high.load(Relaxed)) << 64 | u128::from(low.load(Relaxed))
    }
}
