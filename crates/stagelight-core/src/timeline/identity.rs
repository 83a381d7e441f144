//! The endpoint and the trace of a request, which every value recorded for it carries.

use crate::{
    clock::Clock,
    exemplar::TraceRef,
    symbol::Symbol,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU16, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    trace::{HeadDecision, RemoteContext},
};

/// A request's endpoint and trace.
///
/// The trace is written while the request's span is created, before another thread can know the
/// span. Nearly all accesses are relaxed: a thread learns of a span only from one that knew it.
#[derive(Debug, Default)]
pub(crate) struct RequestIdentity {
    endpoint: AtomicU16,
    is_decided: AtomicBool,
    is_sampled: AtomicBool,
    /// Saves requests without remote context the mutex.
    has_remote_context: AtomicBool,
    /// The ids are those of recorded spans.
    is_recorded: AtomicBool,
    is_exemplar: AtomicBool,
    trace_id: [AtomicU64; 2],
    /// The request's own span, or the id propagated for an unsampled request.
    span_id: AtomicU64,
    remote_context: Mutex<Option<RemoteContext>>,
}

// === impl RequestIdentity ===

impl RequestIdentity {
    /// Clears the trace, for the next request.
    pub(super) fn reset(&self) {
        self.is_decided.store(false, Relaxed);
        self.is_recorded.store(false, Relaxed);
        self.is_exemplar.store(false, Relaxed);
        // No swap: the last holder is alone, and a read-modify-write costs as much as ten stores.
        if self.has_remote_context.load(Relaxed) {
            self.has_remote_context.store(false, Relaxed);
            *self.remote_context.lock() = None;
        }
    }

    /// Returns a copy with the same values.
    pub(super) fn copy(&self) -> Self {
        let flag = |it: &AtomicBool| AtomicBool::new(it.load(Relaxed));
        Self {
            endpoint: AtomicU16::new(self.endpoint.load(Relaxed)),
            is_decided: flag(&self.is_decided),
            is_sampled: flag(&self.is_sampled),
            has_remote_context: flag(&self.has_remote_context),
            is_recorded: flag(&self.is_recorded),
            is_exemplar: flag(&self.is_exemplar),
            trace_id: [0, 1].map(|half| AtomicU64::new(self.trace_id[half].load(Relaxed))),
            span_id: AtomicU64::new(self.span_id.load(Relaxed)),
            remote_context: Mutex::new(self.remote_context()),
        }
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.is_recorded.load(Relaxed)
    }

    pub(crate) fn endpoint(&self) -> Symbol {
        Symbol(self.endpoint.load(Relaxed))
    }

    pub(crate) fn set_endpoint(&self, endpoint: Symbol) {
        self.endpoint.store(endpoint.0, Relaxed);
    }

    pub(crate) fn set_remote_context(&self, context: RemoteContext) {
        *self.remote_context.lock() = Some(context);
        self.has_remote_context.store(true, Relaxed);
    }

    pub(crate) fn remote_context(&self) -> Option<RemoteContext> {
        self.has_remote_context.load(Relaxed).then(|| self.remote_context.lock().clone()).flatten()
    }

    /// Stores the head sampling decision.
    pub(crate) fn decide(&self, decision: &HeadDecision) {
        self.set_ids(decision.trace_id, decision.span_id);
        self.is_sampled.store(decision.is_sampled, Relaxed);
        self.is_decided.store(true, Relaxed);
        if let Some(propagated) = &decision.propagated {
            self.set_remote_context(propagated.clone());
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.is_decided.load(Relaxed)
    }

    /// Returns the ids to propagate if the decision was not to sample.
    pub(crate) fn unsampled_ids(&self) -> Option<(u128, u64)> {
        let is_unsampled = self.is_decided() && !self.is_sampled.load(Relaxed);
        is_unsampled.then(|| (self.trace_id(), self.span_id.load(Relaxed)))
    }

    /// Stores the ids under which the request's own span is recorded.
    pub(crate) fn set_recorded(&self, trace_id: u128, span_id: u64) {
        if !self.is_recorded.load(Relaxed) {
            self.set_ids(trace_id, span_id);
            // Publishes the ids to threads that flush the request.
            self.is_recorded.store(true, Release);
        }
    }

    /// Returns the origin of a value if the request is recorded: the span with this id, or the
    /// request's own if it is zero.
    #[inline]
    pub(super) fn trace_ref(&self, span_id: u64, clock: &Clock) -> Option<TraceRef> {
        if !self.is_recorded.load(Acquire) {
            return None;
        }
        let span_id = if span_id == 0 { self.span_id.load(Relaxed) } else { span_id };
        Some(TraceRef { trace_id: self.trace_id(), span_id, at: clock.now() })
    }

    /// Notes that a value of the request became an exemplar.
    pub(crate) fn mark_exemplar(&self) {
        self.is_exemplar.store(true, Relaxed);
    }

    pub(super) fn is_exemplar(&self) -> bool {
        self.is_exemplar.load(Relaxed)
    }

    fn trace_id(&self) -> u128 {
        let [high, low] = &self.trace_id;
        u128::from(high.load(Relaxed)) << 64 | u128::from(low.load(Relaxed))
    }

    #[expect(clippy::cast_possible_truncation, reason = "splits the id into halves")]
    fn set_ids(&self, trace_id: u128, span_id: u64) {
        self.trace_id[0].store((trace_id >> 64) as u64, Relaxed);
        self.trace_id[1].store(trace_id as u64, Relaxed);
        self.span_id.store(span_id, Relaxed);
    }
}
