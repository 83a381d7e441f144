//! Delays between attempts, and pauses that a collector requests.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::{deadline, delivery::DeliveryError};

/// Delay before the second attempt; doubled before each further one.
const INITIAL: Duration = Duration::from_millis(200);
/// Maximum delay. Short relative to the export timeout, so that an export survives a collector's
/// restart.
const MAX: Duration = Duration::from_millis(1600);
/// Longest pause that a collector can request; a wrong `Retry-After` must not stop exports for
/// good.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Delays that double, with jitter, so that instances that fail together do not retry together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

/// A pause that a collector has requested. It outlasts the delivery that was refused.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<Option<(Instant, DeliveryError)>>);

// === impl Backoff ===

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { next: INITIAL }
    }

    /// Returns the next delay: between half of it and all of it.
    pub(crate) fn delay(&mut self) -> Duration {
        let full = self.next;
        self.next = MAX.min(full * 2);
        jittered(full, RandomState::new().hash_one(()))
    }
}

fn jittered(full: Duration, random: u64) -> Duration {
    let half = full / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(random % nanos.saturating_add(1))
}

// === impl Pause ===

impl Pause {
    /// Starts the pause that the error requests, if it does.
    pub(crate) fn start(&self, error: &DeliveryError) {
        if let Some(wait) = error.retry_after() {
            *self.0.lock() = Some((deadline::after(wait.min(MAX_PAUSE)), error.clone()));
        }
    }

    /// Waits for the end of the pause.
    ///
    /// # Errors
    ///
    /// Returns the error that has requested the pause, at once, if it lasts until `deadline`.
    pub(crate) async fn wait(&self, deadline: Instant) -> Result<(), DeliveryError> {
        let Some((end, error)) = self.0.lock().clone() else { return Ok(()) };
        if deadline <= end {
            return Err(error);
        }
        sleep_until(end).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_maximum_and_vary_within_their_upper_half() {
        let mut backoff = Backoff::new();
        for full in [200, 400, 800, 1600, 1600].map(Duration::from_millis) {
            let delay = backoff.delay();
            assert!((full / 2..=full).contains(&delay), "{delay:?} of {full:?}");
        }
        let full = Duration::from_millis(200);
        assert_eq!(jittered(full, 0), full / 2);
        assert_eq!(jittered(full, 100_000_000), full);
        let first: std::collections::HashSet<_> = (0..50).map(|_| Backoff::new().delay()).collect();
        assert!(40 < first.len(), "{first:?}");
    }
}
