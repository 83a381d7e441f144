//! Metrics about the export itself, named by OpenTelemetry's conventions for SDKs.
//!
//! The store has no series of them: the exporter counts, and adds its numbers to each snapshot.

use stagelight_core::{
    catalog::{
        Instrument, Label, Unit,
        labels::{ErrorType, ServerAddress, ServerPort},
    },
    families, labels,
};

labels! {
    /// Kind of an SDK component.
    pub struct OtelComponentType = Label::new("otel.component.type", "otel_component_type", 16);

    /// Name of an SDK component, unique in its process.
    pub struct OtelComponentName = Label::new("otel.component.name", "otel_component_name", 16);
}

families! {
    /// The families of this crate.
    pub const ALL;

    /// Spans that the span processor has handled.
    pub static SPAN_PROCESSOR: SpanProcessorFamily<'a> =
        (OtelComponentType<'a>, OtelComponentName<'a>, Option<ErrorType<'a>>) {
        /// Spans processed, by outcome: exported when `error.type` is absent, dropped otherwise.
        OTEL_SDK_PROCESSOR_SPAN_PROCESSED: "otel.sdk.processor.span.processed"
            => "otel_sdk_processor_span_processed_total",
            Unit::Count("span"), Instrument::Counter;
    }

    /// The queue of spans that wait for export.
    pub static SPAN_QUEUE: SpanQueueFamily<'a> = (OtelComponentType<'a>, OtelComponentName<'a>) {
        /// Spans waiting for export.
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE: "otel.sdk.processor.span.queue.size"
            => "otel_sdk_processor_span_queue_size",
            Unit::Count("span"), Instrument::UpDownCounter;
        /// The most spans that can wait for export; further spans are dropped.
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY: "otel.sdk.processor.span.queue.capacity"
            => "otel_sdk_processor_span_queue_capacity",
            Unit::Count("span"), Instrument::UpDownCounter;
    }

    /// Spans that the span exporter has sent.
    pub static SPAN_EXPORTER: SpanExporterFamily<'a> = (
        OtelComponentType<'a>,
        OtelComponentName<'a>,
        Option<ServerAddress<'a>>,
        Option<ServerPort<'a>>,
        Option<ErrorType<'a>>,
    ) {
        /// Spans exported. Failed ones carry `error.type` and are lost.
        OTEL_SDK_EXPORTER_SPAN_EXPORTED: "otel.sdk.exporter.span.exported"
            => "otel_sdk_exporter_span_exported_total",
            Unit::Count("span"), Instrument::Counter;
    }

    /// Data points that the metric exporter has sent.
    pub static METRIC_EXPORTER: MetricExporterFamily<'a> = (
        OtelComponentType<'a>,
        OtelComponentName<'a>,
        Option<ServerAddress<'a>>,
        Option<ServerPort<'a>>,
        Option<ErrorType<'a>>,
    ) {
        /// Data points exported. Failed ones carry `error.type`; metrics are cumulative, so the
        /// next export covers them.
        OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED:
            "otel.sdk.exporter.metric_data_point.exported" =>
            "otel_sdk_exporter_metric_data_point_exported_total",
            Unit::Count("data_point"), Instrument::Counter;
    }
}
