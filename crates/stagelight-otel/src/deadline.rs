//! Deadlines that cannot overflow.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait, 30 years; longer ones, like [`Duration::MAX`], end then.
const MAX_WAIT: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Returns the time `wait` from now, at most 30 years ahead.
pub(crate) fn after(wait: Duration) -> Instant {
    Instant::now() + bounded(wait)
}

/// Returns `wait`, at most 30 years.
pub(crate) fn bounded(wait: Duration) -> Duration {
    wait.min(MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_duration_does_not_overflow() {
        let (now, far) = (Instant::now(), after(Duration::MAX));
        assert!(now + MAX_WAIT <= far);
        // Room for the margins that callers add.
        assert!(far < far + MAX_WAIT);
        assert_eq!(bounded(Duration::from_secs(5)), Duration::from_secs(5));
    }
}
