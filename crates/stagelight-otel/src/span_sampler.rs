//! Asks the configured sampler about a span, but not about our own doing, nor against what was decided about its request.

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceContextExt as _, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::{background::is_export_thread, chosen_trace};

/// The configured sampler, for all spans but those that exports give rise to, and those of requests that are recorded already.
#[derive(Clone, Debug)]
pub(crate) struct SpanSampler(pub(crate) Sampler);

// === impl SpanSampler ===

impl ShouldSample for SpanSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if is_export_thread() {
            return SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            };
        }
        let mut result = self.0.should_sample(parent, trace, name, kind, attributes, links);
        // A rule may have gone before the sampler when the request was decided about, and a trace is recorded whole.
        if chosen_trace::is_being_started() || parent.is_some_and(is_recorded_here) {
            result.decision = SamplingDecision::RecordAndSample;
        }
        result
    }
}

fn is_recorded_here(parent: &Context) -> bool {
    let span = parent.span();
    let above = span.span_context();
    above.is_sampled() && !above.is_remote()
}
