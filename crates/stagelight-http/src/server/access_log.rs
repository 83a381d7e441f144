//! The access log: one event per request.

use stagelight_core::Nanos;

/// The fields of an access log event.
pub(crate) struct Entry<'a> {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'a str,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: &'static str,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) duration: Nanos,
    pub(crate) ttfb: Option<Nanos>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) request_id: &'a str,
}

/// Writes the event. Must be called inside the request's span, so that it carries the trace id.
pub(crate) fn write(entry: &Entry<'_>) {
    tracing::info!(
        target: "stagelight::access",
        method = entry.method,
        endpoint = entry.endpoint,
        status = entry.status,
        outcome = entry.outcome,
        error.type = entry.error_type,
        duration_ms = millis(entry.duration),
        ttfb_ms = entry.ttfb.map(millis),
        request_bytes = entry.request_bytes,
        response_bytes = entry.response_bytes,
        request_id = entry.request_id,
        "request ended"
    );
}

/// Converts to milliseconds, truncated to microseconds.
///
/// More digits would be noise, and fractions without an exact float would print as 15 digits.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
pub(crate) fn millis(time: Nanos) -> f64 {
    (time.get() / 1_000) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_truncated_to_microseconds() {
        assert_eq!(millis(Nanos::new(7_177_738)).to_string(), "7.177");
        assert_eq!(millis(Nanos::new(1_000_000_999)).to_string(), "1000");
    }
}
