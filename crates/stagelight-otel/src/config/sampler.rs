//! Which traces are recorded.

use std::fmt;

use opentelemetry::{TraceId, trace::SpanContext};
use opentelemetry_sdk::trace::Sampler as SdkSampler;

/// Decides which traces are recorded. A ratio is clamped to 0 to 1.
///
/// `Display` writes the OpenTelemetry name, with the ratio in parentheses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sampler {
    /// All traces.
    AlwaysOn,
    /// No traces.
    AlwaysOff,
    /// This ratio of all traces, chosen by trace id.
    Ratio(f64),
    /// The caller's decision; all traces without one.
    ParentBasedAlwaysOn,
    /// The caller's decision; no traces without one.
    ParentBasedAlwaysOff,
    /// The caller's decision; this ratio of the traces without one.
    ParentBasedRatio(f64),
}

// === impl Sampler ===

impl Sampler {
    /// Returns the sampler with this name in the OpenTelemetry specification; `ratio` is used by
    /// those that take one.
    #[must_use]
    pub fn from_name(name: &str, ratio: f64) -> Option<Self> {
        match name {
            "always_on" => Some(Self::AlwaysOn),
            "always_off" => Some(Self::AlwaysOff),
            "traceidratio" => Some(Self::Ratio(ratio)),
            "parentbased_always_on" => Some(Self::ParentBasedAlwaysOn),
            "parentbased_always_off" => Some(Self::ParentBasedAlwaysOff),
            "parentbased_traceidratio" => Some(Self::ParentBasedRatio(ratio)),
            _ => None,
        }
    }

    /// Returns the sampler with its ratio replaced; parent-based samplers stay parent-based.
    pub(crate) const fn at_ratio(self, ratio: f64) -> Self {
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::Ratio(_) => Self::Ratio(ratio),
            Self::ParentBasedAlwaysOn | Self::ParentBasedAlwaysOff | Self::ParentBasedRatio(_) => {
                Self::ParentBasedRatio(ratio)
            }
        }
    }

    /// Returns whether to sample a request under `parent` in this trace.
    ///
    /// Decides as [the SDK's sampler](Self::to_sdk) does, without building its result.
    pub(crate) fn samples(self, parent: &SpanContext, trace: TraceId) -> bool {
        let (is_parent_based, ratio) = match self {
            Self::AlwaysOn => (false, 1.0),
            Self::AlwaysOff => (false, 0.0),
            Self::Ratio(ratio) => (false, ratio),
            Self::ParentBasedAlwaysOn => (true, 1.0),
            Self::ParentBasedAlwaysOff => (true, 0.0),
            Self::ParentBasedRatio(ratio) => (true, ratio),
        };
        let follows_parent = is_parent_based && parent.is_valid();
        if follows_parent { parent.is_sampled() } else { is_in(ratio, trace) }
    }

    pub(crate) fn to_sdk(self) -> SdkSampler {
        let by_parent = |root: SdkSampler| SdkSampler::ParentBased(Box::new(root));
        match self {
            Self::AlwaysOn => SdkSampler::AlwaysOn,
            Self::AlwaysOff => SdkSampler::AlwaysOff,
            Self::Ratio(ratio) => SdkSampler::TraceIdRatioBased(ratio),
            Self::ParentBasedAlwaysOn => by_parent(SdkSampler::AlwaysOn),
            Self::ParentBasedAlwaysOff => by_parent(SdkSampler::AlwaysOff),
            Self::ParentBasedRatio(ratio) => by_parent(SdkSampler::TraceIdRatioBased(ratio)),
        }
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlwaysOn => f.write_str("always_on"),
            Self::AlwaysOff => f.write_str("always_off"),
            Self::Ratio(ratio) => write!(f, "traceidratio({ratio})"),
            Self::ParentBasedAlwaysOn => f.write_str("parentbased_always_on"),
            Self::ParentBasedAlwaysOff => f.write_str("parentbased_always_off"),
            Self::ParentBasedRatio(ratio) => write!(f, "parentbased_traceidratio({ratio})"),
        }
    }
}

impl Default for Sampler {
    /// Returns the OpenTelemetry specification's default.
    fn default() -> Self {
        Self::ParentBasedAlwaysOn
    }
}

/// Returns whether a trace is in this ratio of all: decided by the lower 63 of its random bits, as
/// in the SDK.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bound between 0 and 2^63"
)]
fn is_in(ratio: f64, trace: TraceId) -> bool {
    const ALL: f64 = (1_u64 << 63) as f64;
    let low = u128::from_be_bytes(trace.to_bytes()) as u64 >> 1;
    1.0 <= ratio || low < (ratio.max(0.0) * ALL) as u64
}

#[cfg(test)]
mod tests {
    use opentelemetry::{
        Context, SpanId,
        trace::{SpanKind, TraceContextExt as _, TraceFlags, TraceState},
    };
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};
    use proptest::prelude::*;

    use super::*;

    fn samplers(ratio: f64) -> [Sampler; 6] {
        [
            Sampler::AlwaysOn,
            Sampler::AlwaysOff,
            Sampler::Ratio(ratio),
            Sampler::ParentBasedAlwaysOn,
            Sampler::ParentBasedAlwaysOff,
            Sampler::ParentBasedRatio(ratio),
        ]
    }

    proptest! {
        #[test]
        fn it_decides_as_the_sdk_does(
            ratio in prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), -1.0..2.0, 0.0..1e-3],
            trace in 1_u128..,
            span in 1_u64..,
            is_sampled: bool,
            is_remote: bool,
        ) {
            let flags = TraceFlags::default().with_sampled(is_sampled);
            let span = SpanId::from(span);
            let parent = SpanContext::new(trace.into(), span, flags, is_remote, TraceState::NONE);
            let context = Context::new().with_remote_span_context(parent.clone());
            for sampler in samplers(ratio) {
                let sdk = sampler.to_sdk();
                let kind = SpanKind::Server;
                let result =
                    sdk.should_sample(Some(&context), trace.into(), "request", &kind, &[], &[]);
                let expected = result.decision == SamplingDecision::RecordAndSample;
                prop_assert_eq!(sampler.samples(&parent, trace.into()), expected, "{:?}", sampler);
            }
        }
    }
}
