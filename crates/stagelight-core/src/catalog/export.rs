//! What is measured of the export itself, by the OpenTelemetry conventions' names for SDKs.
//!
//! Nothing of it is recorded in the store: whoever exports counts, and adds the values to what it sends.

use super::{Family, Label, Metric, Unit};

/// Spans on their way to the exporter, dropped ones by `error.type`.
pub static SPAN_PROCESSOR: Family = Family {
    index: 12,
    labels: &[Label::OtelComponentType, Label::OtelComponentName, Label::ErrorType],
    metrics: &[Metric::counter(
        "otel.sdk.processor.span.processed",
        Unit::Count("span"),
        "Spans that the exporter is done with, or by error.type were dropped before it.",
    )],
};

/// Position of `otel.sdk.processor.span.queue.size` in [`SPAN_QUEUE`].
pub const SPAN_QUEUE_SIZE: usize = 0;
/// Position of `otel.sdk.processor.span.queue.capacity` in [`SPAN_QUEUE`].
pub const SPAN_QUEUE_CAPACITY: usize = 1;

/// Spans that wait for the exporter.
pub static SPAN_QUEUE: Family = Family {
    index: 13,
    labels: &[Label::OtelComponentType, Label::OtelComponentName],
    metrics: &[
        Metric::up_down_counter(
            "otel.sdk.processor.span.queue.size",
            Unit::Count("span"),
            "Spans that wait for their export.",
        ),
        Metric::up_down_counter(
            "otel.sdk.processor.span.queue.capacity",
            Unit::Count("span"),
            "Spans that can wait for their export; more are dropped.",
        ),
    ],
};

/// What an exporter is told apart by, and what became of what it exported.
const OF_EXPORTER: &[Label] = &[
    Label::OtelComponentType,
    Label::OtelComponentName,
    Label::ServerAddress,
    Label::ServerPort,
    Label::ErrorType,
];

/// Spans that the exporter delivered, and by `error.type` did not.
pub static SPAN_EXPORTER: Family = Family {
    index: 14,
    labels: OF_EXPORTER,
    metrics: &[Metric::counter(
        "otel.sdk.exporter.span.exported",
        Unit::Count("span"),
        "Spans that were delivered, or by error.type lost.",
    )],
};

/// Data points that the exporter delivered, and by `error.type` did not.
pub static METRIC_EXPORTER: Family = Family {
    index: 15,
    labels: OF_EXPORTER,
    metrics: &[Metric::counter(
        "otel.sdk.exporter.metric_data_point.exported",
        Unit::Count("data_point"),
        "Data points that were delivered, or by error.type not; being cumulative, the next export makes up for them.",
    )],
};
