//! One line a request, for those who read logs.

use stagelight_core::Nanos;

use crate::units::millis;

/// What a line says.
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

/// Writes the line as an event; called within the request's span, so that trace ids are with it.
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
