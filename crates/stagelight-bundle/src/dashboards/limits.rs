//! Where panels change their colour: where alerts fire.

/// p95 of a backend's first byte: warning, critical.
pub(super) const BACKEND_TTFB_SECS: (f64, f64) = (2.0, 3.0);
/// p95 of a stream: warning.
pub(super) const STREAMING_SECS: f64 = 1.5;
/// p95 of the service's own work: what it should be below, and warning.
pub(super) const FRONTEND_SECS: (f64, f64) = (0.003, 0.01);
/// A request: slow, too slow.
pub(super) const REQUEST_SECS: (f64, f64) = (1.0, 5.0);
