//! Units, as Grafana calls them.

/// What a panel's values are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds; shown as ms, s, min as fits.
    Seconds,
    /// Bytes, in powers of 1024.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Requests a second.
    RequestsPerSecond,
    /// Whatever a second.
    PerSecond,
    /// 0 to 100.
    Percent,
    /// 0 to 1, shown as 0 to 100 %.
    Ratio,
    /// How many.
    Count,
    /// How many times as much.
    Times,
}

// === impl Unit ===

impl Unit {
    /// Returns Grafana's identifier.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::RequestsPerSecond => "reqps",
            Self::PerSecond => "cps",
            Self::Percent => "percent",
            Self::Ratio => "percentunit",
            Self::Count => "short",
            Self::Times => "suffix:x",
        }
    }
}
