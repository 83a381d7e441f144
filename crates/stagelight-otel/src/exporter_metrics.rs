//! The exporter's own metrics: the families of the catalogue that the engine does not keep.

use std::sync::Arc;

use stagelight_core::{
    Point, Series, Snapshot,
    catalog::{
        MetricId, TypedFamily,
        labels::{ErrorType, ServerAddress, ServerPort},
    },
};

use crate::{
    catalog::{self, OtelComponentName, OtelComponentType, SpanProcessorFamily, SpanQueueFamily},
    config::Protocol,
    counts::ExportCounts,
    destination::Destination,
    otlp_client::OtlpClient,
    signal::Signal,
    span_queue::SpanQueue,
};

/// The sources of the exporter's metrics.
#[derive(Debug)]
pub(crate) struct ExporterMetrics {
    pub(crate) spans: Option<SpanSource>,
    pub(crate) points: Option<ExporterSource>,
}

/// The sources of the metrics of spans.
#[derive(Debug)]
pub(crate) struct SpanSource {
    pub(crate) queue: Arc<SpanQueue>,
    pub(crate) exporter: ExporterSource,
}

/// The counts of one exporter, and its destination.
#[derive(Debug)]
pub(crate) struct ExporterSource {
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) destination: Arc<Destination>,
}

/// The labels of both exporters' families.
type ExporterLabels<'a> = (
    OtelComponentType<'a>,
    OtelComponentName<'a>,
    Option<ServerAddress<'a>>,
    Option<ServerPort<'a>>,
    Option<ErrorType<'a>>,
);

// === impl ExporterMetrics ===

impl ExporterMetrics {
    /// Adds the current values to a snapshot.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        if let Some(spans) = &self.spans {
            snapshot.series.extend(queue_series(&spans.queue));
            let spans = spans.exporter.series(catalog::OTEL_SDK_EXPORTER_SPAN_EXPORTED);
            snapshot.series.extend(spans);
        }
        if let Some(points) = &self.points {
            snapshot
                .series
                .extend(points.series(catalog::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED));
        }
    }
}

// === impl ExporterSource ===

impl ExporterSource {
    /// Returns a series for delivered items, even if it is 0, and one per error type. Returns none
    /// unless the destination is a collector.
    fn series<F>(&self, metric: MetricId<F>) -> Vec<Series>
    where
        F: for<'a> TypedFamily<Labels<'a> = ExporterLabels<'a>>,
    {
        let Some(client) = self.destination.otlp() else { return Vec::new() };
        let component = component_type(client);
        let name = component_name(component);
        let port = client.uri.port_u16().map(|it| it.to_string());
        let series = |error: Option<&str>, count| {
            let labels = (
                OtelComponentType::new(component),
                OtelComponentName::new(&name),
                client.uri.host().map(ServerAddress::new),
                port.as_deref().map(ServerPort::new),
                error.map(ErrorType::new),
            );
            Series::new::<F>(labels, [(metric, Point::Counter(count))])
        };
        let delivered = series(None, self.counts.delivered());
        let lost = self.counts.lost().into_iter().map(|(error, count)| series(Some(&error), count));
        [delivered].into_iter().chain(lost).collect()
    }
}

fn queue_series(queue: &SpanQueue) -> Vec<Series> {
    const COMPONENT: &str = "batching_span_processor";
    let name = component_name(COMPONENT);
    let component = (OtelComponentType::new(COMPONENT), OtelComponentName::new(&name));
    let dropped = [
        (Some("queue_full"), queue.dropped_when_full()),
        (Some("queue_bytes_full"), queue.dropped_at_bytes()),
        (Some("already_shutdown"), queue.dropped_after_shutdown()),
    ];
    let dropped = dropped.into_iter().filter(|it| 0 < it.1);
    let counts = [(None, queue.completed())].into_iter().chain(dropped);
    let processed = counts.map(|(error, count)| {
        let labels = (component.0, component.1, error.map(ErrorType::new));
        let point = (catalog::OTEL_SDK_PROCESSOR_SPAN_PROCESSED, Point::Counter(count));
        Series::new::<SpanProcessorFamily>(labels, [point])
    });
    let level = |count: usize| Point::UpDownCounter(i64::try_from(count).unwrap_or(i64::MAX));
    let levels = [
        (catalog::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE, level(queue.pending())),
        (catalog::OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY, level(queue.capacity())),
    ];
    processed.chain([Series::new::<SpanQueueFamily>(component, levels)]).collect()
}

/// Returns a component's name. There is one of each; the convention requires a number.
fn component_name(component: &str) -> String {
    format!("{component}/0")
}

fn component_type(client: &OtlpClient) -> &'static str {
    match (client.protocol, client.signal) {
        (Protocol::Grpc, Signal::Traces) => "otlp_grpc_span_exporter",
        (Protocol::Grpc, Signal::Metrics) => "otlp_grpc_metric_exporter",
        (Protocol::HttpProtobuf, Signal::Traces) => "otlp_http_span_exporter",
        (Protocol::HttpProtobuf, Signal::Metrics) => "otlp_http_metric_exporter",
    }
}
