//! How a simulated model behaves: distributions, and what one draw from them gives.

use std::time::Duration;

use axum::http::StatusCode;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, LogNormal, Normal};

use super::Controls;

/// Spread of the time to first token: 9 of 10 lie between 0.6 and 1.6 times the median.
const TTFT_SIGMA: f64 = 0.3;

/// Fewest and most tokens of a reply.
const TOKENS: std::ops::RangeInclusive<u16> = 5..=30;

/// Slowest and fastest speed in tokens a second.
const TOKENS_PER_SECOND: std::ops::RangeInclusive<f64> = 50.0..=150.0;

/// How long a stall is in seconds, shortest and longest.
const STALL_SECONDS: std::ops::RangeInclusive<f64> = 0.2..=0.6;

/// How one simulated model behaves.
///
/// Replies have 5 to 30 tokens. Chances are from 0 (never) to 1 (always).
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The model's name.
    pub model: String,
    /// Median of the log-normal time until the response head.
    pub ttft: Duration,
    /// Mean speed in tokens a second; single replies lie between 50 and 150.
    pub tokens_per_second: f64,
    /// Chance of a 500 in place of a reply.
    pub error_chance: f64,
    /// Chance of a 429 in place of a reply.
    pub rate_limit_chance: f64,
    /// Chance that a reply stalls for 200 to 600 ms in the middle.
    pub stall_chance: f64,
    /// Chance that the connection breaks in the middle of a reply.
    pub break_chance: f64,
}

/// What will happen to one request: one draw from a [`Profile`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) ttft: Duration,
    pub(crate) tokens: u16,
    pub(crate) token_interval: Duration,
    pub(crate) failure: Option<StatusCode>,
    pub(crate) break_after: Option<u16>,
    pub(crate) stall: Option<(u16, Duration)>,
}

// === impl Profile ===

impl Profile {
    /// Makes a model that answers after `ttft` in the median, speaks 100 tokens a second, and
    /// fails now and then: 1 % errors, 1 % rate limits, 2 % stalls, 0.5 % broken connections.
    #[must_use]
    pub fn new(model: impl Into<String>, ttft: Duration) -> Self {
        Self {
            model: model.into(),
            ttft,
            tokens_per_second: 100.0,
            error_chance: 0.01,
            rate_limit_chance: 0.01,
            stall_chance: 0.02,
            break_chance: 0.005,
        }
    }

    /// Sets the mean speed in tokens a second. Defaults to 100.
    #[must_use]
    pub fn with_tokens_per_second(mut self, tokens_per_second: f64) -> Self {
        self.tokens_per_second = tokens_per_second;
        self
    }

    /// Makes a model that never fails by chance.
    #[must_use]
    pub fn without_failures(mut self) -> Self {
        self.error_chance = 0.0;
        self.rate_limit_chance = 0.0;
        self.stall_chance = 0.0;
        self.break_chance = 0.0;
        self
    }

    /// Draws what happens to the request with number `sequence`.
    ///
    /// Same profile, seed and sequence: same plan, whatever other requests are under way.
    pub(crate) fn plan(&self, seed: u64, sequence: u64) -> Plan {
        // The golden ratio's bits: neighbouring sequences and seeds get far-apart states.
        let state = seed ^ sequence.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = StdRng::seed_from_u64(state);

        // Everything is drawn every time, so that one chance does not shift what follows it.
        let ttft = self.ttft.mul_f64(draw(LogNormal::new(0.0, TTFT_SIGMA), 1.0, &mut rng));
        let tokens = rng.random_range(TOKENS);
        let mean = self.tokens_per_second;
        let speed = draw(Normal::new(mean, mean / 5.0), mean, &mut rng)
            .clamp(*TOKENS_PER_SECOND.start(), *TOKENS_PER_SECOND.end());
        let failure: f64 = rng.random();
        let is_stalled = rng.random::<f64>() < self.stall_chance;
        let stall = Duration::from_secs_f64(rng.random_range(STALL_SECONDS));
        let is_broken = rng.random::<f64>() < self.break_chance;
        let middle = rng.random_range(1..tokens);

        Plan {
            ttft,
            tokens,
            token_interval: Duration::from_secs_f64(1.0 / speed),
            failure: self.failure(failure),
            break_after: is_broken.then_some(middle),
            stall: is_stalled.then_some((middle, stall)),
        }
    }

    fn failure(&self, draw: f64) -> Option<StatusCode> {
        if draw < self.error_chance {
            Some(StatusCode::INTERNAL_SERVER_ERROR)
        } else if draw < self.error_chance + self.rate_limit_chance {
            Some(StatusCode::TOO_MANY_REQUESTS)
        } else {
            None
        }
    }
}

/// Draws one value, or gives `fallback` if the distribution's parameters make none.
fn draw<D: Distribution<f64>, E>(
    distribution: Result<D, E>,
    fallback: f64,
    rng: &mut impl Rng,
) -> f64 {
    distribution.map_or(fallback, |it| it.sample(rng))
}

// === impl Plan ===

impl Plan {
    /// Applies the caller's controls: given values replace drawn ones, and drawn failures are
    /// removed.
    pub(crate) fn apply(self, controls: &Controls) -> Self {
        Self {
            ttft: controls.ttft.unwrap_or(self.ttft),
            tokens: controls.tokens.unwrap_or(self.tokens),
            token_interval: controls.token_interval.unwrap_or(self.token_interval),
            failure: controls.error.and_then(|it| StatusCode::from_u16(it).ok()),
            break_after: controls.break_after,
            stall: controls.stall_after,
        }
    }

    /// Returns how long after the head the token with number `index`, from 0, is due.
    pub(crate) fn due(&self, index: u16) -> Duration {
        let stall = self.stall.filter(|(after, _)| *after <= index).map(|(_, length)| length);
        self.token_interval * u32::from(index) + stall.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile::new("m", Duration::from_millis(200))
    }

    #[test]
    fn the_same_seed_and_sequence_give_the_same_plan() {
        for sequence in 0..100 {
            assert_eq!(profile().plan(7, sequence), profile().plan(7, sequence));
        }
        assert_ne!(profile().plan(7, 0), profile().plan(7, 1));
        assert_ne!(profile().plan(7, 0), profile().plan(8, 0));
    }

    #[test]
    fn plans_follow_the_profile() {
        let plans: Vec<_> = (0..10_000).map(|it| profile().plan(1, it)).collect();
        let share = |fits: &dyn Fn(&Plan) -> bool| {
            plans.iter().filter(|it| fits(it)).count() as f64 / plans.len() as f64
        };
        let near = |value: f64, expected: f64| (value - expected).abs() < expected / 3.0;

        assert!(near(share(&|it| it.ttft < Duration::from_millis(200)), 0.5));
        assert!(near(share(&|it| it.failure == Some(StatusCode::INTERNAL_SERVER_ERROR)), 0.01));
        assert!(near(share(&|it| it.failure == Some(StatusCode::TOO_MANY_REQUESTS)), 0.01));
        assert!(near(share(&|it| it.stall.is_some()), 0.02));
        assert!(near(share(&|it| it.break_after.is_some()), 0.005));
        assert_eq!(share(&|it| TOKENS.contains(&it.tokens)), 1.0);
        let interval = Duration::from_secs_f64(1.0 / 150.0)..=Duration::from_millis(20);
        assert_eq!(share(&|it| interval.contains(&it.token_interval)), 1.0);
        assert_eq!(
            share(&|it| it.break_after.is_none_or(|after| 0 < after && after < it.tokens)),
            1.0
        );
    }

    #[test]
    fn without_failures_none_happens() {
        let profile = profile().without_failures();
        for sequence in 0..1_000 {
            let plan = profile.plan(1, sequence);
            assert_eq!((plan.failure, plan.break_after, plan.stall), (None, None, None));
        }
    }

    #[test]
    fn controls_set_what_they_name_and_take_chance_failures_away() {
        let mut failing = profile();
        failing.error_chance = 1.0;
        let drawn = failing.plan(1, 0);
        let plan = drawn.clone().apply(&"tokens=3".parse().unwrap());
        assert_eq!((plan.tokens, plan.failure), (3, None));
        assert_eq!(plan.ttft, drawn.ttft);
    }

    #[test]
    fn tokens_are_due_one_interval_apart_and_later_after_a_stall() {
        let controls = "token-interval=10ms,stall-after=2:1s".parse().unwrap();
        let plan = profile().plan(1, 0).apply(&controls);
        let due = [0, 1, 2, 3].map(|it| plan.due(it).as_millis());
        assert_eq!(due, [0, 10, 1020, 1030]);
    }
}
