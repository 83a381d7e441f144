//! Decides by the rules, and else by the sampler, whether a request is traced.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::{Context, TraceId, trace::SpanKind};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};
use stagelight_core::Arrival;

use crate::{
    config::{Sampler, SamplingRules},
    span_sampler::SpanSampler,
};

/// In the context of a caller whose request came with the forcing header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forced;

/// The rules and the sampler that they go before.
#[derive(Clone, Debug)]
pub(crate) struct RequestSampler {
    sampler: SpanSampler,
    /// The sampler with another ratio, by endpoint.
    by_endpoint: Arc<HashMap<String, SpanSampler>>,
}

// === impl RequestSampler ===

impl RequestSampler {
    pub(crate) fn new(sampler: Sampler, rules: &SamplingRules) -> Self {
        let ratios = rules.ratios.iter();
        let by_endpoint = ratios.map(|(endpoint, ratio)| {
            (endpoint.clone(), SpanSampler(sampler.at_ratio(*ratio).to_sdk()))
        });
        Self {
            sampler: SpanSampler(sampler.to_sdk()),
            by_endpoint: Arc::new(by_endpoint.collect()),
        }
    }

    /// Returns whether a request below `parent` is recorded, in a trace of this id.
    ///
    /// What a sampler may add to a span, it adds when the span starts: it is asked again then.
    pub(crate) fn samples(&self, arrival: Arrival<'_>, parent: &Context, trace: TraceId) -> bool {
        if parent.get::<Forced>().is_some() {
            return true;
        }
        let sampler = self.of_endpoint(arrival).unwrap_or(&self.sampler);
        let result =
            sampler.should_sample(Some(parent), trace, arrival.name, &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    fn of_endpoint(&self, arrival: Arrival<'_>) -> Option<&SpanSampler> {
        if self.by_endpoint.is_empty() {
            return None;
        }
        self.by_endpoint.get(&*(arrival.endpoint)()?)
    }
}
