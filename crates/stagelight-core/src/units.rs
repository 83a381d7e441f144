//! Lengths of time in one unit.

use std::time::Duration;

/// A length of time in whole nanoseconds.
///
/// Holds up to `u64::MAX` ns, which is about 584 years; longer is clamped, never wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(u64);

// === impl Nanos ===

impl Nanos {
    /// Makes a length of time from a count of nanoseconds.
    #[must_use]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the count of nanoseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Converts to seconds, the unit every exported metric of time uses.
    ///
    /// Exact up to 2^53 ns (104 days); above that the result is the nearest `f64`.
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
