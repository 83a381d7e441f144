//! Asks the configured sampler, but not about our own doing.

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::background::is_export_thread;

/// The configured sampler, for all spans but those that exports give rise to.
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
        self.0.should_sample(parent, trace, name, kind, attributes, links)
    }
}
