//! Decides by the rules, and else by the sampler, whether a request is traced.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::{Context, TraceId, trace::SpanContext};
use stagelight_core::SamplingInput;

use crate::{
    background::is_export_thread,
    config::{Sampler, SamplingRules},
};

/// In the context of a caller whose request came with the forcing header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forced;

/// The rules and the sampler that they go before.
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

    /// Returns whether a request in `context`, below the span `above`, is recorded, in a trace of this id.
    pub(crate) fn samples(
        &self,
        input: SamplingInput<'_>,
        context: &Context,
        above: &SpanContext,
        trace: TraceId,
    ) -> bool {
        if is_export_thread() {
            return false;
        }
        let is_forced = context.get::<Forced>().is_some();
        is_forced || self.of_endpoint(input).unwrap_or(self.sampler).samples(above, trace)
    }

    fn of_endpoint(&self, input: SamplingInput<'_>) -> Option<Sampler> {
        if self.by_endpoint.is_empty() {
            return None;
        }
        self.by_endpoint.get(&*(input.endpoint)()?).copied()
    }
}
