//! The SDK's sampler.

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceContextExt as _, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::{id_generator, runtime::is_export_thread};

/// The configured sampler, with two exceptions: spans of the export threads are dropped, and spans
/// of a sampled request are recorded.
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
        // A sampling rule may have overridden the sampler for this request. The whole trace is
        // recorded then.
        if id_generator::is_starting_request() || parent.is_some_and(is_sampled_locally) {
            result.decision = SamplingDecision::RecordAndSample;
        }
        result
    }
}

fn is_sampled_locally(parent: &Context) -> bool {
    let span = parent.span();
    let parent_span = span.span_context();
    parent_span.is_sampled() && !parent_span.is_remote()
}
