//! As what histograms are exported.

/// As what histograms are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Histograms {
    /// With the buckets that the catalogue gives each: Prometheus shows `_bucket`, `_sum` and `_count`.
    #[default]
    Explicit,
    /// With base-2 exponential buckets, each 2.2 % wide, or wider when there would be more than 160 of them: Prometheus shows one native
    /// histogram.
    Exponential,
}

// === impl Histograms ===

impl Histograms {
    /// Returns what the specification calls `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "explicit_bucket_histogram" => Some(Self::Explicit),
            "base2_exponential_bucket_histogram" => Some(Self::Exponential),
            _ => None,
        }
    }
}
