//! The one source of time.

use std::{sync::Arc, time::Duration};

use crate::units::Nanos;

/// Reads time as cheaply as the processor allows.
///
/// A reading is a raw counter value ([`Ticks`]); it is scaled to nanoseconds only when two readings are
/// compared. On x86-64 and AArch64 with an invariant counter a reading costs 7 to 20 ns, elsewhere
/// what the operating system's monotonic clock costs.
///
/// Making the first clock of a process calibrates the counter, which may take up to 200 ms.
#[derive(Clone, Debug)]
pub struct Clock(quanta::Clock);

/// One reading of a [`Clock`]; means nothing without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub(crate) u64);

/// Moves a clock made by [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<quanta::Mock>);

// === impl Clock ===

impl Clock {
    /// Makes a clock that reads the processor's counter.
    #[must_use]
    pub fn new() -> Self {
        Self(quanta::Clock::new())
    }

    /// Makes a clock for tests, which stands still until its [`ManualClock`] moves it.
    ///
    /// It starts at one hour, not at zero: a start time that got lost would go unseen at zero.
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

    /// Returns the time from `start` to `end`, or zero when `end` is earlier.
    #[inline]
    #[must_use]
    pub fn between(&self, start: Ticks, end: Ticks) -> Nanos {
        Nanos::new(self.0.delta_as_nanos(start.0, end.0))
    }

    /// Returns the time since `start`, or zero when `start` is in the future.
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
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.increment(by);
    }
}
