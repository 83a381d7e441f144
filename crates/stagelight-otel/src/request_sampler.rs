//! Decides whether a request is sampled: by a rule if one applies, otherwise by the sampler.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::{Context, TraceId, trace::SpanContext};
use stagelight_core::SamplingInput;

use crate::{
    config::{Sampler, SamplingRules},
    runtime::is_export_thread,
};

/// Marks the remote context of a request that carries the forcing header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForceSampling;

/// The sampler and the rules that override it.
#[derive(Clone, Debug)]
pub(crate) struct RequestSampler {
    sampler: Sampler,
    /// The sampler with another ratio, by endpoint.
    by_endpoint: Arc<HashMap<String, Sampler>>,
}

// === impl RequestSampler ===

impl RequestSampler {
    pub(crate) fn new(sampler: Sampler, rules: &SamplingRules) -> Self {
        let ratios = rules.ratios.iter();
        let by_endpoint = ratios.map(|(name, ratio)| (name.clone(), sampler.at_ratio(*ratio)));
        Self { sampler, by_endpoint: Arc::new(by_endpoint.collect()) }
    }

    /// Returns whether a request with this context, parent span and trace id is sampled.
    pub(crate) fn samples(
        &self,
        input: SamplingInput<'_>,
        context: &Context,
        parent_span: &SpanContext,
        trace: TraceId,
    ) -> bool {
        if is_export_thread() {
            return false;
        }
        context.get::<ForceSampling>().is_some()
            || self.sampler_for(input).samples(parent_span, trace)
    }

    fn sampler_for(&self, input: SamplingInput<'_>) -> Sampler {
        if self.by_endpoint.is_empty() {
            return self.sampler;
        }
        let endpoint = (input.endpoint)();
        endpoint.and_then(|it| self.by_endpoint.get(&*it).copied()).unwrap_or(self.sampler)
    }
}
