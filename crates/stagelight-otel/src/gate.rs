//! Decides at a request's start whether its spans are recorded.

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use stagelight_core::{Arrival, Caller, Gate, Origin, UnrecordedTrace, Verdict};
use tracing::{Dispatch, span::Id};
use tracing_opentelemetry::get_otel_context;

use crate::{chosen_trace, request_sampler::RequestSampler};

/// The attribute of a request's span whose trace an exemplar names, for a collector's tail sampling to keep.
const EXEMPLAR: &str = "stagelight.exemplar";

/// Asks the rules and the sampler, by the caller's context or the one that is current.
#[derive(Debug)]
pub(crate) struct RequestGate {
    sampler: RequestSampler,
    ids: RandomIdGenerator,
}

// === impl RequestGate ===

impl RequestGate {
    pub(crate) fn new(sampler: RequestSampler) -> Self {
        Self { sampler, ids: RandomIdGenerator::default() }
    }

    fn decide_below(&self, arrival: Arrival<'_>, parent: &Context) -> Verdict {
        let span = parent.span();
        let above = span.span_context();
        let trace = if above.is_valid() { above.trace_id() } else { self.ids.new_trace_id() };
        Verdict {
            is_sampled: self.sampler.samples(arrival, parent, above, trace),
            trace_id: u128::from_be_bytes(trace.to_bytes()),
            span_id: u64::from_be_bytes(self.ids.new_span_id().to_bytes()),
            carried: None,
        }
    }
}

impl Gate for RequestGate {
    fn decide(&self, arrival: Arrival<'_>) -> Verdict {
        match arrival.origin {
            Origin::Caller(caller) => self.decide_below(arrival, &context_of_caller(caller)),
            Origin::Nowhere => self.decide_below(arrival, &Context::new()),
            Origin::Here => Context::map_current(|current| {
                let verdict = self.decide_below(arrival, current);
                let is_bare = !current.has_active_span() && current.baggage().is_empty();
                let carried =
                    (!verdict.is_sampled && !is_bare).then(|| Caller::new(current.clone()));
                Verdict { carried, ..verdict }
            }),
        }
    }

    fn within(&self, verdict: &Verdict, origin: Origin<'_>, make: &mut dyn FnMut()) {
        let _guard = match origin {
            Origin::Caller(caller) => Some(context_of_caller(caller).attach()),
            Origin::Here | Origin::Nowhere => None,
        };
        chosen_trace::with_trace(verdict.trace_id.into(), make);
    }

    fn current(&self) -> Option<(u128, u64)> {
        Context::map_current(|current| {
            let span = current.span();
            let ids = span.span_context();
            ids.is_sampled().then(|| {
                (
                    u128::from_be_bytes(ids.trace_id().to_bytes()),
                    u64::from_be_bytes(ids.span_id().to_bytes()),
                )
            })
        })
    }

    fn mark(&self, subscriber: &Dispatch, span: &Id) {
        if let Some(context) = get_otel_context(span, subscriber) {
            context.span().set_attribute(KeyValue::new(EXEMPLAR, true));
        }
    }
}

fn context_of_caller(caller: &Caller) -> Context {
    caller.get::<Context>().cloned().unwrap_or_default()
}

/// Returns the context that backends of a request that is not recorded are sent.
pub(crate) fn context_of_unrecorded(trace: &UnrecordedTrace) -> Context {
    let carried = trace.carried.as_ref().map(context_of_caller).unwrap_or_default();
    let state: TraceState = carried.span().span_context().trace_state().clone();
    let flags = TraceFlags::NOT_SAMPLED;
    let span = SpanContext::new(trace.trace_id.into(), trace.span_id.into(), flags, false, state);
    carried.with_remote_span_context(span)
}
