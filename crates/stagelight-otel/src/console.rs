//! Human-readable lines, for the exporter `console`.

use std::{fmt::Write, time::Duration};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{
        HistogramDataPoint, Metric, NumberDataPoint, metric::Data,
        number_data_point::Value as Number,
    },
    trace::v1::{Span, status::StatusCode},
};

/// Returns one line per data point.
pub(crate) fn metrics(request: &ExportMetricsServiceRequest) -> String {
    let scopes = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    scopes.flat_map(|it| &it.metrics).flat_map(lines_of).collect()
}

/// Returns one line per span.
pub(crate) fn spans(request: &ExportTraceServiceRequest) -> String {
    let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
    scopes.flat_map(|it| &it.spans).map(line_of).collect()
}

fn lines_of(metric: &Metric) -> Vec<String> {
    let line = |attributes: &[KeyValue], value: String| {
        let Metric { name, unit, .. } = metric;
        let unit = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
        format!("metric {name}{unit}{} {value}\n", braces(attributes))
    };
    match &metric.data {
        Some(Data::Gauge(gauge)) => {
            gauge.data_points.iter().map(|it| line(&it.attributes, value_of(it))).collect()
        }
        Some(Data::Sum(sum)) => {
            sum.data_points.iter().map(|it| line(&it.attributes, value_of(it))).collect()
        }
        Some(Data::Histogram(histogram)) => {
            histogram.data_points.iter().map(|it| line(&it.attributes, buckets_of(it))).collect()
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let points = histogram.data_points.iter();
            points.map(|it| line(&it.attributes, count_and_sum(it.count, it.sum))).collect()
        }
        Some(Data::Summary(summary)) => {
            let points = summary.data_points.iter();
            points.map(|it| line(&it.attributes, count_and_sum(it.count, Some(it.sum)))).collect()
        }
        None => Vec::new(),
    }
}

fn value_of(point: &NumberDataPoint) -> String {
    match point.value {
        Some(Number::AsInt(value)) => value.to_string(),
        Some(Number::AsDouble(value)) => value.to_string(),
        None => "-".to_owned(),
    }
}

/// Returns count, sum and the non-empty buckets as `≤bound:count`.
fn buckets_of(point: &HistogramDataPoint) -> String {
    let mut text = count_and_sum(point.count, point.sum);
    let bounds = point.explicit_bounds.iter().map(ToString::to_string);
    let bounds = bounds.chain(["inf".to_owned()]);
    for (bound, count) in bounds.zip(&point.bucket_counts).filter(|(_, count)| 0 < **count) {
        // Writing to a string is infallible.
        let _infallible = write!(text, " ≤{bound}:{count}");
    }
    text
}

fn count_and_sum(count: u64, sum: Option<f64>) -> String {
    let sum = sum.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!("count={count} sum={sum}")
}

fn line_of(span: &Span) -> String {
    let duration =
        Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
    let parent = match span.parent_span_id.as_slice() {
        [] => String::new(),
        id => format!(" parent={}", hex(id)),
    };
    let failed = match &span.status {
        Some(status) if status.code == i32::from(StatusCode::Error) => {
            format!(" error={:?}", status.message)
        }
        _ => String::new(),
    };
    format!(
        "span {:?} trace={} id={}{parent} {}{duration:?}{failed}{}\n",
        span.name,
        hex(&span.trace_id),
        hex(&span.span_id),
        kind_of(span),
        braces(&span.attributes),
    )
}

fn kind_of(span: &Span) -> String {
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase();
    format!("{kind} ")
}

fn braces(attributes: &[KeyValue]) -> String {
    if attributes.is_empty() {
        return String::new();
    }
    let pairs: Vec<_> = attributes
        .iter()
        .map(|it| format!("{}={}", it.key, it.value.as_ref().map(any).unwrap_or_default()))
        .collect();
    format!(" {{{}}}", pairs.join(", "))
}

fn any(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<_> = list.values.iter().map(any).collect();
            format!("[{}]", items.join(", "))
        }
        Some(Value::KvlistValue(list)) => braces(&list.values),
        Some(Value::BytesValue(bytes)) => hex(bytes),
        _ => "-".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests;
