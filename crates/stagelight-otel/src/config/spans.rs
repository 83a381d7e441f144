//! Limits of spans and of their queue.

use std::time::Duration;

/// Limits for a span, and for the spans waiting to be exported.
///
/// Defaults to the values that each field gives. They are the OpenTelemetry specification's, except
/// that it does not limit the length of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanLimits {
    /// Time between two exports, 5 s. `OTEL_BSP_SCHEDULE_DELAY`.
    pub delay: Duration,
    /// Finished spans that can wait, 2,048; more are dropped and counted.
    /// `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub queue: usize,
    /// Spans in one export, 512; at most [`queue`](Self::queue).
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    pub batch: usize,
    /// Limit for one export, 30 s; the exporter's own timeout applies too.
    /// `OTEL_BSP_EXPORT_TIMEOUT`.
    pub timeout: Duration,
    /// Characters of a string in a span, 4,096; longer ones are truncated. Applies to attribute
    /// values, names and status messages. `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`,
    /// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    pub value_length: usize,
    /// Attributes of one span, 128. `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: u32,
    /// Events of one span, 128. `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub events: u32,
    /// Links of one span, 128. `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub links: u32,
}

// === impl SpanLimits ===

impl Default for SpanLimits {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            queue: 2048,
            batch: 512,
            timeout: Duration::from_secs(30),
            value_length: 4096,
            attributes: 128,
            events: 128,
            links: 128,
        }
    }
}
