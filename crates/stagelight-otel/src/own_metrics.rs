//! Metrics about the export itself: those of the catalogue that the store does not keep.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, number_data_point::Value as Number},
};
use stagelight_core::catalog::{self, Label};

use crate::{
    config::Protocol,
    counts::ExportCounts,
    destination::Destination,
    encode::{Period, attribute, integer, number, sum},
    otlp::Otlp,
    signal::Signal,
    span_queue::SpanQueue,
};

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    pub(crate) spans: Option<OwnSpanMetrics>,
    pub(crate) points: Arc<ExportCounts>,
    pub(crate) points_to: Arc<Destination>,
}

/// Where the numbers about spans come from.
#[derive(Debug)]
pub(crate) struct OwnSpanMetrics {
    pub(crate) queue: Arc<SpanQueue>,
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) to: Arc<Destination>,
}

// === impl OwnMetrics ===

impl OwnMetrics {
    pub(crate) fn encode(&self, period: Period) -> Vec<Metric> {
        let mut metrics = Vec::new();
        if let Some(spans) = &self.spans {
            metrics.extend(spans.queue_metrics(period));
            let position = catalog::EXPORTED_SPANS;
            metrics.extend(exported(position, &spans.counts, &spans.to, period));
        }
        let position = catalog::EXPORTED_POINTS;
        metrics.extend(exported(position, &self.points, &self.points_to, period));
        metrics
    }
}

// === impl OwnSpanMetrics ===

impl OwnSpanMetrics {
    fn queue_metrics(&self, period: Period) -> [Metric; 3] {
        let queue = &self.queue;
        let with = |error: Option<&str>, count: u64| {
            number(of_queue(error), period, Number::AsInt(integer(count)))
        };
        let mut processed = vec![with(None, queue.settled())];
        for (error, count) in
            [("queue_full", queue.queue_full()), ("already_shutdown", queue.after_shutdown())]
        {
            if 0 < count {
                processed.push(with(Some(error), count));
            }
        }
        let level = |count: usize| vec![with(None, u64::try_from(count).unwrap_or(u64::MAX))];
        let [size, capacity] = [catalog::SPAN_QUEUE_SIZE, catalog::SPAN_QUEUE_CAPACITY];
        [
            sum(&catalog::SPAN_PROCESSOR.metrics[0], processed),
            sum(&catalog::SPAN_QUEUE.metrics[size], level(queue.pending())),
            sum(&catalog::SPAN_QUEUE.metrics[capacity], level(queue.capacity())),
        ]
    }
}

fn exported(
    position: usize,
    counts: &ExportCounts,
    to: &Destination,
    period: Period,
) -> Option<Metric> {
    let otlp = to.otlp()?;
    let delivered = (None, counts.delivered());
    let lost = counts.lost().into_iter().map(|(error, count)| (Some(error), count));
    let points = [delivered].into_iter().chain(lost).map(|(error, count)| {
        number(of_exporter(otlp, error), period, Number::AsInt(integer(count)))
    });
    Some(sum(&catalog::EXPORTER.metrics[position], points.collect()))
}

fn of_queue(error: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = component("batching_span_processor");
    attributes.extend(error.map(|it| text(Label::ErrorType, it)));
    attributes
}

fn of_exporter(otlp: &Otlp, error: Option<String>) -> Vec<KeyValue> {
    let mut attributes = component(match (otlp.protocol, otlp.signal) {
        (Protocol::Grpc, Signal::Traces) => "otlp_grpc_span_exporter",
        (Protocol::Grpc, Signal::Metrics) => "otlp_grpc_metric_exporter",
        (Protocol::HttpProtobuf, Signal::Traces) => "otlp_http_span_exporter",
        (Protocol::HttpProtobuf, Signal::Metrics) => "otlp_http_metric_exporter",
    });
    attributes.extend(otlp.uri.host().map(|it| text(Label::ServerAddress, it)));
    let port = otlp.uri.port_u16();
    attributes.extend(
        port.map(|it| attribute(Label::ServerPort.otel_name(), Value::IntValue(it.into()))),
    );
    attributes.extend(error.map(|it| text(Label::ErrorType, &it)));
    attributes
}

fn component(kind: &str) -> Vec<KeyValue> {
    // There is one of each; the convention asks for a number all the same.
    vec![text(Label::OtelComponentType, kind), text(Label::OtelComponentName, &format!("{kind}/0"))]
}

fn text(label: Label, value: &str) -> KeyValue {
    attribute(label.otel_name(), Value::StringValue(value.to_owned()))
}
