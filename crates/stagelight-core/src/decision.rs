//! The engine as a front end with a gate sees it: what was decided about a request's trace.

use std::sync::Arc;

use crate::{
    catalog::Label,
    engine::Engine,
    key::SpanKey,
    state::{self, CurrentSpan},
    trace::{HeadDecision, RemoteContext, UnsampledTrace},
};

// === impl Engine ===

impl Engine {
    /// Returns the trace context that a request came with, if it came with one.
    #[must_use]
    pub fn caller_of(&self, key: SpanKey) -> Option<RemoteContext> {
        state::record(&self.0, key)?.identity().remote_context()
    }

    /// Returns the endpoint of a span's request as it is known so far; `None` when the request is not measured.
    ///
    /// # Cost
    ///
    /// A read lock that nobody holds for long.
    #[must_use]
    pub fn endpoint_of(&self, key: SpanKey) -> Option<Arc<str>> {
        let endpoint = state::record(&self.0, key)?.identity().endpoint();
        Some(self.0.store.symbols.value(Label::Endpoint, endpoint))
    }

    /// Keeps what was decided about a request whose span has just been made. Returns the span's key, which knows, too.
    ///
    /// All spans below inherit it with their keys. A request that is not measured is not remembered.
    #[must_use]
    pub fn decide(&self, key: SpanKey, decision: &HeadDecision) -> SpanKey {
        let Some(record) = state::record(&self.0, key) else { return key };
        record.identity().decide(decision);
        key.with_decision(decision.is_sampled)
    }

    /// Notes that the layer that makes traces decides about a request itself. Returns the key of its span, which that layer sees.
    #[must_use]
    pub fn leave_to_traces(&self, key: SpanKey) -> SpanKey {
        key.with_decision(true)
    }

    /// Says that the calling thread has entered a span, and under which ids that is recorded as a trace's; `None` if it is not.
    ///
    /// Values that are recorded from now on, and the values of its stage or request, may become [exemplars](crate::ExemplarReader).
    pub fn enter_recorded(&self, key: SpanKey, ids: Option<(u128, u64)>) {
        self.set_current(key, ids);
        let Some((trace_id, span_id)) = ids else { return };
        let Some(record) = state::record(&self.0, key) else { return };
        if key.is_request() {
            record.identity().set_recorded(trace_id, span_id);
        } else if key.is_stage() {
            record.set_span_id(key.slot(), span_id);
        }
    }

    /// Says which span the calling thread is in, of those that are recorded as a trace's, after it has left another.
    pub fn set_current(&self, key: SpanKey, ids: Option<(u128, u64)>) {
        let current = ids.map(|(trace_id, span_id)| CurrentSpan { key, trace_id, span_id });
        state::with(&self.0, |local| local.current = current);
    }

    /// Returns the trace that a span's request would be in, if it was decided that it is not recorded.
    #[must_use]
    pub fn unsampled_trace(&self, key: SpanKey) -> Option<UnsampledTrace> {
        state::record(&self.0, key)?.identity().unsampled_trace()
    }
}
