//! Units, by Grafana's names.

/// The unit of a panel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds, shown as ms, s or min.
    Seconds,
    /// Bytes, in powers of 1024.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// Events per second.
    PerSecond,
    /// 0 to 100.
    Percent,
    /// 0 to 1, shown as 0 to 100 %.
    Ratio,
    /// A count.
    Count,
    /// A multiple, shown as `2x`.
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
