//! The arrival process of the requests.

use std::{sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Exp};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// Decides when the next request is sent.
#[derive(Debug)]
pub(super) struct Pace {
    slots: Arc<Semaphore>,
    arrivals: Option<Arrivals>,
    /// Arrivals without a free slot, which were not sent.
    pub(super) skipped: u64,
}

/// Permit for one request in flight, released on drop.
pub(super) type Slot = OwnedSemaphorePermit;

/// A Poisson process.
#[derive(Debug)]
struct Arrivals {
    gaps: Exp<f64>,
    rng: StdRng,
    next: Instant,
}

// === impl Pace ===

impl Pace {
    /// Allows `in_flight` requests at once, sent at `rate` per second on average or, without a
    /// rate, as soon as another one ends.
    pub(super) fn new(in_flight: u32, rate: Option<f64>, seed: u64) -> Self {
        let arrivals = rate.and_then(|rate| {
            let gaps = Exp::new(rate).ok()?;
            Some(Arrivals { gaps, rng: StdRng::seed_from_u64(seed), next: Instant::now() })
        });
        let slots = Arc::new(Semaphore::new(in_flight as usize));
        Self { slots, arrivals, skipped: 0 }
    }

    /// Waits for the next arrival. Cancel-safe.
    ///
    /// Skips and counts arrivals without a free slot. Sending them late would hide their waiting
    /// time (coordinated omission).
    pub(super) async fn next(&mut self) -> Slot {
        loop {
            let Some(arrivals) = &mut self.arrivals else {
                // The semaphore is never closed.
                let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { continue };
                return slot;
            };
            sleep_until(arrivals.next).await;
            arrivals.advance();
            match Arc::clone(&self.slots).try_acquire_owned() {
                Ok(slot) => return slot,
                Err(_) => self.skipped += 1,
            }
        }
    }
}

// === impl Arrivals ===

impl Arrivals {
    fn advance(&mut self) {
        self.next += Duration::from_secs_f64(self.gaps.sample(&mut self.rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn arrivals_keep_the_mean_rate_and_are_uneven() {
        let mut pace = Pace::new(1, Some(100.0), 1);
        let start = Instant::now();
        let mut gaps = Vec::new();
        let mut before = start;
        for _ in 0..10_000 {
            drop(pace.next().await);
            gaps.push(before.elapsed().as_secs_f64());
            before = Instant::now();
        }
        let rate = 10_000.0 / start.elapsed().as_secs_f64();
        assert!((95.0..105.0).contains(&rate), "{rate}");
        // In a Poisson process 1 - 1/e of the gaps, about 63 %, are shorter than the mean.
        let short = gaps.iter().filter(|it| **it < 0.01).count();
        assert!((5_900..6_800).contains(&short), "{short}");
        assert_eq!(pace.skipped, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_arrival_without_a_free_slot_is_skipped_and_counted() {
        let mut pace = Pace::new(1, Some(10.0), 1);
        let slot = pace.next().await;
        let waiting = tokio::time::timeout(Duration::from_secs(10), pace.next()).await;
        assert!(waiting.is_err());
        assert!((50..150).contains(&pace.skipped), "{}", pace.skipped);
        drop(slot);
        drop(pace.next().await);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_a_free_slot_sends_the_next_request() {
        let mut pace = Pace::new(2, None, 1);
        let first = pace.next().await;
        let _second = pace.next().await;
        let waiting = tokio::time::timeout(Duration::from_secs(1), pace.next()).await;
        assert!(waiting.is_err());
        drop(first);
        drop(pace.next().await);
        assert_eq!(pace.skipped, 0);
    }
}
