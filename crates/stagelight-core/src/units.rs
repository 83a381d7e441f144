//! The unit of time.

use std::time::Duration;

/// A duration in whole nanoseconds.
///
/// Holds up to `u64::MAX` ns, about 584 years. Longer durations are clamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

// === impl Nanos ===

impl Nanos {
    /// Creates a duration from a number of nanoseconds.
    #[must_use]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the number of nanoseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Converts to seconds, the unit of every exported duration.
    ///
    /// Exact up to 2^53 ns (104 days), and rounded to the nearest `f64` above.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        Duration::from(self).as_secs_f64()
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}
