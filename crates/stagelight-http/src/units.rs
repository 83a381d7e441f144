//! Times as people write them.

use stagelight_core::Nanos;

/// Converts to milliseconds, the unit of logs and of `x-response-time`, in whole microseconds: what follows is noise, and a
/// fraction that floats cannot hold would be written with fifteen digits.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
pub(crate) fn millis(time: Nanos) -> f64 {
    (time.get() / 1_000) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_whole_microseconds() {
        assert_eq!(millis(Nanos::new(7_177_738)).to_string(), "7.177");
        assert_eq!(millis(Nanos::new(1_000_000_999)).to_string(), "1000");
    }
}
