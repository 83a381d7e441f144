//! Where panels change their colour: where alerts fire.

/// p95 of a backend's first byte: warning, critical.
pub(super) const BACKEND_TTFB_SECS: (f64, f64) = (2.0, 3.0);
/// p95 of a stream: warning.
pub(super) const STREAMING_SECS: f64 = 1.5;
/// p95 of the service's own work: what it should be below, and warning.
pub(super) const FRONTEND_SECS: (f64, f64) = (0.003, 0.01);
/// A request: slow, too slow.
pub(super) const REQUEST_SECS: (f64, f64) = (1.0, 5.0);
/// Part of the requests that failed: warning, critical.
pub(super) const FAILED_RATIO: (f64, f64) = (0.01, 0.05);
/// Part of the streams that were cancelled: warning, critical.
pub(super) const CANCELLED_RATIO: (f64, f64) = (0.1, 0.3);
/// Processor and memory, in parts of what there is: warning, critical.
pub(super) const RESOURCES_RATIO: (f64, f64) = (0.8, 0.9);
/// How many times too fast an error budget burns: warning, critical.
pub(super) const BURN_RATE: (f64, f64) = (1.0, 14.4);
/// An answer that takes longer is a bad one: the bound of the objective "latency".
pub(super) const SLO_LATENCY_SECS: u32 = 5;
