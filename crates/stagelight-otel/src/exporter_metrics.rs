//! The exporter's own metrics: the families of the catalogue that the engine does not keep.

use std::sync::Arc;

use stagelight_core::{
    Point, Series, Snapshot,
    catalog::{self, Family, Label},
};

use crate::{
    config::Protocol, counts::ExportCounts, destination::Destination, otlp_client::OtlpClient,
    signal::Signal, span_queue::SpanQueue,
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

// === impl ExporterMetrics ===

impl ExporterMetrics {
    /// Adds the current values to a snapshot.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        if let Some(spans) = &self.spans {
            snapshot.series.extend(queue_series(&spans.queue));
            snapshot.series.extend(spans.exporter.series(&catalog::SPAN_EXPORTER));
        }
        if let Some(points) = &self.points {
            snapshot.series.extend(points.series(&catalog::METRIC_EXPORTER));
        }
    }
}

// === impl ExporterSource ===

impl ExporterSource {
    /// Returns a series for delivered items, even if it is 0, and one per error type. Returns none
    /// unless the destination is a collector.
    fn series(&self, family: &'static Family) -> Vec<Series> {
        let Some(client) = self.destination.otlp() else { return Vec::new() };
        let delivered = (String::new(), self.counts.delivered());
        let counts = [delivered].into_iter().chain(self.counts.lost());
        counts
            .map(|(error, count)| {
                let points = vec![Point::Counter(count)];
                series(family, component_type(client), Some(client), &error, points)
            })
            .collect()
    }
}

fn queue_series(queue: &SpanQueue) -> Vec<Series> {
    const COMPONENT: &str = "batching_span_processor";
    let dropped = [
        ("queue_full", queue.dropped_when_full()),
        ("queue_bytes_full", queue.dropped_at_bytes()),
        ("already_shutdown", queue.dropped_after_shutdown()),
    ];
    let dropped = dropped.into_iter().filter(|it| 0 < it.1);
    let counts = [("", queue.completed())].into_iter().chain(dropped);
    let processed = counts.map(|(error, count)| {
        let points = vec![Point::Counter(count)];
        series(&catalog::SPAN_PROCESSOR, COMPONENT, None, error, points)
    });
    let level = |count: usize| Point::UpDownCounter(i64::try_from(count).unwrap_or(i64::MAX));
    // In the order of `SPAN_QUEUE_SIZE` and `SPAN_QUEUE_CAPACITY`.
    let levels = vec![level(queue.pending()), level(queue.capacity())];
    processed.chain([series(&catalog::SPAN_QUEUE, COMPONENT, None, "", levels)]).collect()
}

fn component_type(client: &OtlpClient) -> &'static str {
    match (client.protocol, client.signal) {
        (Protocol::Grpc, Signal::Traces) => "otlp_grpc_span_exporter",
        (Protocol::Grpc, Signal::Metrics) => "otlp_grpc_metric_exporter",
        (Protocol::HttpProtobuf, Signal::Traces) => "otlp_http_span_exporter",
        (Protocol::HttpProtobuf, Signal::Metrics) => "otlp_http_metric_exporter",
    }
}

fn series(
    family: &'static Family,
    component: &str,
    client: Option<&OtlpClient>,
    error: &str,
    points: Vec<Point>,
) -> Series {
    let port = client.and_then(|it| it.uri.port_u16());
    let value = |label: &Label| match label {
        Label::OtelComponentType => component.to_owned(),
        // There is one of each; the convention requires a number.
        Label::OtelComponentName => format!("{component}/0"),
        Label::ServerAddress => client.and_then(|it| it.uri.host()).unwrap_or_default().to_owned(),
        Label::ServerPort => port.map(|it| it.to_string()).unwrap_or_default(),
        Label::ErrorType => error.to_owned(),
        _ => String::new(),
    };
    let values = family.labels.iter().map(|it| value(it).into()).collect();
    Series { family, values, points }
}
