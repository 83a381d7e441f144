//! The one place where this crate asks what time it is.

use std::time::{Duration, Instant};

/// Measures real time from its creation.
///
/// Servers start in real time, so there is no clock for a test to move here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

// === impl Stopwatch ===

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for real processes, which follow no Clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
