//! The engine as a front end with a gate sees it: what was decided about a request's trace.

use crate::{
    engine::Engine,
    key::SpanKey,
    spans,
    trace::{Caller, UnrecordedTrace, Verdict},
};

// === impl Engine ===

impl Engine {
    /// Returns the trace context that a request came with, if it came with one.
    #[must_use]
    pub fn caller_of(&self, key: SpanKey) -> Option<Caller> {
        spans::record(&self.0, key)?.trace().caller()
    }

    /// Keeps what was decided about a request whose span has just been made. Returns the span's key, which knows, too.
    ///
    /// All spans below inherit it with their keys. A request that is not measured is not remembered.
    #[must_use]
    pub fn decide(&self, key: SpanKey, verdict: &Verdict) -> SpanKey {
        let Some(record) = spans::record(&self.0, key) else { return key };
        record.trace().decide(verdict);
        key.with_verdict(verdict.is_sampled)
    }

    /// Notes that the layer that makes traces decides about a request itself. Returns the key of its span, which that layer sees.
    #[must_use]
    pub fn leave_to_traces(&self, key: SpanKey) -> SpanKey {
        key.with_verdict(true)
    }

    /// Returns the trace that a span's request would be in, if it was decided that it is not recorded.
    #[must_use]
    pub fn unrecorded_trace(&self, key: SpanKey) -> Option<UnrecordedTrace> {
        spans::record(&self.0, key)?.trace().unrecorded()
    }
}
