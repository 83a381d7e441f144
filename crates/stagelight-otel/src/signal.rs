//! What is exported.

use std::fmt;

/// A kind of telemetry that is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics: the stage store's, and those of the user's own instruments.
    Metrics,
}

// === impl Signal ===

impl Signal {
    /// Both signals.
    pub const ALL: [Self; 2] = [Self::Traces, Self::Metrics];

    /// Returns the name as it stands in addresses and messages: `traces` or `metrics`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
