//! Real time, and waiting for things to happen in it.

use std::{
    fmt::Display,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long something may take to come about. It takes a second or two; a loaded machine more.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Tells threads to end when it is dropped.
pub(crate) struct EndOnDrop<'a>(pub(crate) &'a AtomicBool);

// === impl EndOnDrop ===

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Returns a moment to measure from.
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the seconds since 1970, as Prometheus counts them.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Looks until there is something to return, and panics with what was seen last if there never is.
#[track_caller]
pub(crate) fn eventually<T, E: Display>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let started = now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(seen) if PATIENCE < started.elapsed() => {
                panic!("not within {PATIENCE:?}; seen last: {seen}")
            }
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}
