//! Export requests that can be split into valid smaller ones.

use std::mem;

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    metrics::v1::{
        ExponentialHistogram, Gauge, Histogram, Metric, ScopeMetrics, Sum, Summary, metric::Data,
    },
    trace::v1::ScopeSpans,
};
use prost::Message;

use crate::console;

/// A request that consists of items: spans or data points.
pub(crate) trait ExportRequest: Message + Default {
    /// Returns the number of items.
    fn items(&self) -> usize;

    /// Keeps the first `keep` items and returns the others, with the same resources, scopes and
    /// metric descriptions. An item is moved with everything in it, such as exemplars.
    fn split_off(&mut self, keep: usize) -> Self;

    /// Returns human-readable lines.
    fn lines(&self) -> String;
}

// === impl ExportTraceServiceRequest ===

impl ExportRequest for ExportTraceServiceRequest {
    fn items(&self) -> usize {
        let scopes = self.resource_spans.iter().flat_map(|it| &it.scope_spans);
        scopes.map(|it| it.spans.len()).sum()
    }

    fn split_off(&mut self, mut keep: usize) -> Self {
        let mut rest = Self::default();
        for mut head in mem::take(&mut self.resource_spans) {
            let scopes = mem::take(&mut head.scope_spans);
            let mut tail = head.clone();
            for mut scope in scopes {
                let spans = scope.spans.split_off(keep.min(scope.spans.len()));
                keep -= scope.spans.len();
                if !spans.is_empty() {
                    let (scope, schema_url) = (scope.scope.clone(), scope.schema_url.clone());
                    tail.scope_spans.push(ScopeSpans { scope, spans, schema_url });
                }
                if !scope.spans.is_empty() {
                    head.scope_spans.push(scope);
                }
            }
            if !head.scope_spans.is_empty() {
                self.resource_spans.push(head);
            }
            if !tail.scope_spans.is_empty() {
                rest.resource_spans.push(tail);
            }
        }
        rest
    }

    fn lines(&self) -> String {
        console::spans(self)
    }
}

// === impl ExportMetricsServiceRequest ===

impl ExportRequest for ExportMetricsServiceRequest {
    fn items(&self) -> usize {
        let scopes = self.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
        scopes.flat_map(|it| &it.metrics).map(points).sum()
    }

    fn split_off(&mut self, mut keep: usize) -> Self {
        let mut rest = Self::default();
        for mut head in mem::take(&mut self.resource_metrics) {
            let scopes = mem::take(&mut head.scope_metrics);
            let mut tail = head.clone();
            for scope in scopes {
                let (first, second) = split_scope(scope, &mut keep);
                head.scope_metrics.extend(first);
                tail.scope_metrics.extend(second);
            }
            if !head.scope_metrics.is_empty() {
                self.resource_metrics.push(head);
            }
            if !tail.scope_metrics.is_empty() {
                rest.resource_metrics.push(tail);
            }
        }
        rest
    }

    fn lines(&self) -> String {
        console::metrics(self)
    }
}

/// Splits after `keep` points, and subtracts those in the first part.
fn split_scope(
    mut head: ScopeMetrics,
    keep: &mut usize,
) -> (Option<ScopeMetrics>, Option<ScopeMetrics>) {
    let metrics = mem::take(&mut head.metrics);
    let mut tail = head.clone();
    for mut metric in metrics {
        let total = points(&metric);
        let kept = total.min(*keep);
        *keep -= kept;
        if kept == total {
            head.metrics.push(metric);
            continue;
        }
        let rest = split_metric(&mut metric, kept);
        if 0 < kept {
            head.metrics.push(metric);
        }
        tail.metrics.push(rest);
    }
    let non_empty = |it: ScopeMetrics| (!it.metrics.is_empty()).then_some(it);
    (non_empty(head), non_empty(tail))
}

/// Keeps the first `keep` points and returns a metric with the others.
fn split_metric(metric: &mut Metric, keep: usize) -> Metric {
    let data = metric.data.take().map(|mut data| {
        let rest = split_data(&mut data, keep);
        metric.data = Some(data);
        rest
    });
    let Metric { name, description, unit, metadata, .. } = &*metric;
    Metric {
        name: name.clone(),
        description: description.clone(),
        unit: unit.clone(),
        metadata: metadata.clone(),
        data,
    }
}

fn split_data(data: &mut Data, keep: usize) -> Data {
    match data {
        Data::Gauge(it) => Data::Gauge(Gauge { data_points: it.data_points.split_off(keep) }),
        Data::Sum(it) => Data::Sum(Sum { data_points: it.data_points.split_off(keep), ..*it }),
        Data::Histogram(it) => {
            Data::Histogram(Histogram { data_points: it.data_points.split_off(keep), ..*it })
        }
        Data::ExponentialHistogram(it) => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: it.data_points.split_off(keep),
            ..*it
        }),
        Data::Summary(it) => Data::Summary(Summary { data_points: it.data_points.split_off(keep) }),
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}
