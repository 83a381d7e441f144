//! Real time, and waiting for servers in it.
//!
//! Other processes run in real time, so there is no clock here that a test could move.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Timeout of [`eventually`]. Most conditions hold within two seconds, on a loaded machine later.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Measures real time from its creation.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

// === impl Stopwatch ===

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "real processes follow no `Clock`")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since [`start`](Self::start).
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Returns the seconds since 1970, Prometheus' unit of time.
#[must_use]
pub fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Polls `probe` every 50 ms until it returns `Ok`, and returns the value.
///
/// # Panics
///
/// After 60 s, with the last `Err`.
#[track_caller]
pub fn eventually<T, E: Display>(mut probe: impl FnMut() -> Result<T, E>) -> T {
    let waiting = Stopwatch::start();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(last) if TIMEOUT < waiting.elapsed() => {
                panic!("not within {TIMEOUT:?}; last: {last}")
            }
            Err(_) => thread::sleep(POLL_INTERVAL),
        }
    }
}
