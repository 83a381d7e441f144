//! Metrics about the export itself: those of the catalogue that the store does not keep.

use std::sync::Arc;

use stagelight_core::{
    Point, Series, Snapshot,
    catalog::{self, Family, Label},
};

use crate::{
    config::Protocol, counts::ExportCounts, destination::Destination, otlp::Otlp, signal::Signal,
    span_queue::SpanQueue,
};

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    pub(crate) spans: Option<OwnSpanMetrics>,
    pub(crate) points: Option<Exports>,
}

/// Where the numbers about spans come from.
#[derive(Debug)]
pub(crate) struct OwnSpanMetrics {
    pub(crate) queue: Arc<SpanQueue>,
    pub(crate) exports: Exports,
}

/// What one exporter counts, and where it sends to.
#[derive(Debug)]
pub(crate) struct Exports {
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) to: Arc<Destination>,
}

// === impl OwnMetrics ===

impl OwnMetrics {
    /// Adds the numbers as they are now.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        if let Some(spans) = &self.spans {
            snapshot.series.extend(of_queue(&spans.queue));
            snapshot.series.extend(spans.exports.series(&catalog::SPAN_EXPORTER));
        }
        if let Some(points) = &self.points {
            snapshot.series.extend(points.series(&catalog::METRIC_EXPORTER));
        }
    }
}

// === impl Exports ===

impl Exports {
    /// Returns what was delivered, even if that is nothing, and what was lost; no series unless it goes out by OTLP.
    fn series(&self, family: &'static Family) -> Vec<Series> {
        let Some(otlp) = self.to.otlp() else { return Vec::new() };
        let delivered = (String::new(), self.counts.delivered());
        let counts = [delivered].into_iter().chain(self.counts.lost());
        counts
            .map(|(error, count)| {
                let points = vec![Point::Counter(count)];
                series(family, component_of(otlp), Some(otlp), &error, points)
            })
            .collect()
    }
}

fn of_queue(queue: &SpanQueue) -> Vec<Series> {
    const COMPONENT: &str = "batching_span_processor";
    let counted = [("", queue.settled())];
    let dropped =
        [("queue_full", queue.queue_full()), ("already_shutdown", queue.after_shutdown())];
    let counts = counted.into_iter().chain(dropped.into_iter().filter(|it| 0 < it.1));
    let processed = counts.map(|(error, count)| {
        let points = vec![Point::Counter(count)];
        series(&catalog::SPAN_PROCESSOR, COMPONENT, None, error, points)
    });
    let level = |count: usize| Point::UpDownCounter(i64::try_from(count).unwrap_or(i64::MAX));
    // In the order of `SPAN_QUEUE_SIZE` and `SPAN_QUEUE_CAPACITY`.
    let levels = vec![level(queue.pending()), level(queue.capacity())];
    processed.chain([series(&catalog::SPAN_QUEUE, COMPONENT, None, "", levels)]).collect()
}

fn component_of(otlp: &Otlp) -> &'static str {
    match (otlp.protocol, otlp.signal) {
        (Protocol::Grpc, Signal::Traces) => "otlp_grpc_span_exporter",
        (Protocol::Grpc, Signal::Metrics) => "otlp_grpc_metric_exporter",
        (Protocol::HttpProtobuf, Signal::Traces) => "otlp_http_span_exporter",
        (Protocol::HttpProtobuf, Signal::Metrics) => "otlp_http_metric_exporter",
    }
}

fn series(
    family: &'static Family,
    component: &str,
    to: Option<&Otlp>,
    error: &str,
    points: Vec<Point>,
) -> Series {
    let value = |label: &Label| match label {
        Label::OtelComponentType => component.to_owned(),
        // There is one of each; the convention asks for a number all the same.
        Label::OtelComponentName => format!("{component}/0"),
        Label::ServerAddress => to.and_then(|it| it.uri.host()).unwrap_or_default().to_owned(),
        Label::ServerPort => {
            to.and_then(|it| it.uri.port_u16()).map(|it| it.to_string()).unwrap_or_default()
        }
        Label::ErrorType => error.to_owned(),
        _ => String::new(),
    };
    let values = family.labels.iter().map(|it| value(it).into()).collect();
    Series { family, values, points }
}
