//! Which traces are recorded.

use opentelemetry_sdk::trace::Sampler as SdkSampler;

/// Decides which traces are recorded. A ratio outside 0 to 1 counts as the nearer of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// This part of all, from 0 to 1, chosen by the trace's id.
    Ratio(f64),
    /// As the caller decided, all if there is none.
    ParentBasedAlwaysOn,
    /// As the caller decided, none if there is none.
    ParentBasedAlwaysOff,
    /// As the caller decided, this part if there is none.
    ParentBasedRatio(f64),
}

// === impl Sampler ===

impl Sampler {
    /// Returns the sampler that the specification calls `name`, with this ratio if it takes one.
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

    /// Returns the sampler that differs from this only in that it records this part of all.
    pub(crate) const fn at_ratio(self, ratio: f64) -> Self {
        match self {
            Self::AlwaysOn | Self::AlwaysOff | Self::Ratio(_) => Self::Ratio(ratio),
            Self::ParentBasedAlwaysOn | Self::ParentBasedAlwaysOff | Self::ParentBasedRatio(_) => {
                Self::ParentBasedRatio(ratio)
            }
        }
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

impl Default for Sampler {
    /// The specification's default.
    fn default() -> Self {
        Self::ParentBasedAlwaysOn
    }
}
