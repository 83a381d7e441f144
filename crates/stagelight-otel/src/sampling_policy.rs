//! Head sampling: decides at the start of a request whether its spans are recorded.

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use stagelight_core::{
    HeadDecision, ParentContext, RemoteContext, SamplingInput, SamplingPolicy, UnsampledTrace,
};
use tracing::{Dispatch, span::Id};
use tracing_opentelemetry::get_otel_context;

use crate::{id_generator, request_sampler::RequestSampler};

/// Attribute of a request's span that an exemplar refers to, for a collector's tail sampling.
const EXEMPLAR_ATTRIBUTE: &str = "stagelight.exemplar";

/// Applies the [`RequestSampler`] to the remote or the current context.
#[derive(Debug)]
pub(crate) struct RequestSamplingPolicy {
    sampler: RequestSampler,
    ids: RandomIdGenerator,
}

// === impl RequestSamplingPolicy ===

impl RequestSamplingPolicy {
    pub(crate) fn new(sampler: RequestSampler) -> Self {
        Self { sampler, ids: RandomIdGenerator::default() }
    }

    fn decide_with_parent(&self, input: SamplingInput<'_>, parent: &Context) -> HeadDecision {
        let span = parent.span();
        let parent_span = span.span_context();
        let parent_trace = parent_span.is_valid().then(|| parent_span.trace_id());
        let trace = parent_trace.unwrap_or_else(|| self.ids.new_trace_id());
        HeadDecision {
            is_sampled: self.sampler.samples(input, parent, parent_span, trace),
            trace_id: u128::from_be_bytes(trace.to_bytes()),
            span_id: u64::from_be_bytes(self.ids.new_span_id().to_bytes()),
            propagated: None,
        }
    }
}

impl SamplingPolicy for RequestSamplingPolicy {
    fn decide(&self, input: SamplingInput<'_>) -> HeadDecision {
        match input.parent {
            ParentContext::Remote(caller) => {
                self.decide_with_parent(input, &remote_context(caller))
            }
            ParentContext::Root => self.decide_with_parent(input, &Context::new()),
            ParentContext::Current => Context::map_current(|current| {
                let decision = self.decide_with_parent(input, current);
                let is_empty = !current.has_active_span() && current.baggage().is_empty();
                let propagated = (!decision.is_sampled && !is_empty)
                    .then(|| RemoteContext::new(current.clone()));
                HeadDecision { propagated, ..decision }
            }),
        }
    }

    fn in_parent_context(
        &self,
        decision: &HeadDecision,
        parent: ParentContext<'_>,
        make: &mut dyn FnMut(),
    ) {
        let _guard = match parent {
            ParentContext::Remote(caller) => Some(remote_context(caller).attach()),
            ParentContext::Current | ParentContext::Root => None,
        };
        id_generator::with_trace_id(decision.trace_id.into(), make);
    }

    fn current_ids(&self) -> Option<(u128, u64)> {
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

    fn mark_for_exemplar(&self, subscriber: &Dispatch, span: &Id) {
        if let Some(context) = get_otel_context(span, subscriber) {
            context.span().set_attribute(KeyValue::new(EXEMPLAR_ATTRIBUTE, true));
        }
    }
}

fn remote_context(caller: &RemoteContext) -> Context {
    caller.get::<Context>().cloned().unwrap_or_default()
}

/// Returns the context that an unsampled request propagates to its backends.
pub(crate) fn unsampled_context(trace: &UnsampledTrace) -> Context {
    let propagated = trace.propagated.as_ref().map(remote_context).unwrap_or_default();
    let state: TraceState = propagated.span().span_context().trace_state().clone();
    let flags = TraceFlags::NOT_SAMPLED;
    let span = SpanContext::new(trace.trace_id.into(), trace.span_id.into(), flags, false, state);
    propagated.with_remote_span_context(span)
}
