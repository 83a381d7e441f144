//! The exported signals.

use std::fmt;

/// A kind of exported telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics of the stage store and of the user's own instruments.
    Metrics,
}

// === impl Signal ===

impl Signal {
    /// Both signals.
    pub const ALL: [Self; 2] = [Self::Traces, Self::Metrics];

    /// Returns the name used in addresses and messages: `traces` or `metrics`.
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
