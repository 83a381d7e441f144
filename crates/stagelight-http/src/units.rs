//! Times as people write them.

use stagelight_core::Nanos;

/// Converts to milliseconds, the unit of logs and of `x-response-time`.
pub(crate) fn millis(time: Nanos) -> f64 {
    time.as_secs_f64() * 1e3
}
