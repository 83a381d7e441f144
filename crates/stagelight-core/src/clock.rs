//! The only source of time.

use std::{sync::Arc, time::Duration};

use crate::units::Nanos;

/// Reads the processor's time counter, or a [`ManualClock`] in tests.
///
/// A reading is a raw counter value ([`Ticks`]), which is converted to nanoseconds when two
/// readings are subtracted. On x86-64 and AArch64 with an invariant counter, a reading costs 7 to
/// 20 ns. Elsewhere it costs as much as the operating system's monotonic clock.
///
/// Creating the first clock of a process calibrates the counter, which takes up to 200 ms.
#[derive(Clone, Debug)]
pub struct Clock(quanta::Clock);

/// A reading of a [`Clock`], meaningful only with that clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub(crate) u64);

/// Advances a clock created by [`Clock::manual`].
///
/// ```
/// use std::time::Duration;
///
/// use stagelight_core::Clock;
///
/// let (clock, manual) = Clock::manual();
/// let start = clock.now();
/// manual.advance(Duration::from_micros(3));
/// assert_eq!(clock.since(start).get(), 3_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<quanta::Mock>);

// === impl Clock ===

impl Clock {
    /// Creates a clock that reads the processor's counter.
    #[must_use]
    pub fn new() -> Self {
        Self(quanta::Clock::new())
    }

    /// Creates a clock for tests, which only its [`ManualClock`] advances.
    ///
    /// It starts at one hour, because at zero a lost start time would go unnoticed.
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let (clock, mock) = quanta::Clock::mock();
        mock.increment(Duration::from_secs(3600));
        (Self(clock), ManualClock(mock))
    }

    /// Reads the clock.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Ticks {
        Ticks(self.0.raw())
    }

    /// Returns the time from `start` to `end`, or zero if `end` is earlier.
    #[inline]
    #[must_use]
    pub fn between(&self, start: Ticks, end: Ticks) -> Nanos {
        Nanos::new(self.0.delta_as_nanos(start.0, end.0))
    }

    /// Returns the time since `start`, or zero if `start` is in the future.
    #[inline]
    #[must_use]
    pub fn since(&self, start: Ticks) -> Nanos {
        self.between(start, self.now())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

// === impl ManualClock ===

impl ManualClock {
    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.0.increment(by);
    }
}
