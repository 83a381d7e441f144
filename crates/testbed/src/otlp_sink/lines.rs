//! Received items as lines, to compare with expected ones.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point::Value as Number},
    resource::v1::Resource,
    trace::v1::Span,
};

/// Returns a line for each data point, sorted, without times: `name [unit] {a=x, b=1} kind value`.
///
/// Strings are unquoted. A histogram's value is `count=… sum=… buckets=[…]`.
#[must_use]
pub fn metric_lines(request: &ExportMetricsServiceRequest) -> Vec<String> {
    let scopes = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let mut lines: Vec<_> = scopes.flat_map(|it| &it.metrics).flat_map(lines_of).collect();
    lines.sort();
    lines
}

/// Returns a line for each span, sorted, without times and ids: `name kind {a=x}`.
#[must_use]
pub fn span_lines(spans: &[Span]) -> Vec<String> {
    let mut lines: Vec<_> = spans
        .iter()
        .map(|it| format!("{} {} {}", it.name, it.kind().as_str_name(), braces(&it.attributes)))
        .collect();
    lines.sort();
    lines
}

/// Returns a line for each attribute, sorted: `name=value`.
#[must_use]
pub fn resource_lines(resource: &Resource) -> Vec<String> {
    let mut lines: Vec<_> = resource.attributes.iter().map(pair).collect();
    lines.sort();
    lines
}

fn lines_of(metric: &Metric) -> Vec<String> {
    let line = |attributes: &[KeyValue], kind: &str, value: String| {
        format!("{} [{}] {} {kind} {value}", metric.name, metric.unit, braces(attributes))
    };
    match &metric.data {
        Some(Data::Gauge(gauge)) => {
            let points = gauge.data_points.iter();
            points.map(|it| line(&it.attributes, "gauge", number(it.value))).collect()
        }
        Some(Data::Sum(sum)) => {
            let kind = if sum.is_monotonic { "counter" } else { "updowncounter" };
            let points = sum.data_points.iter();
            points.map(|it| line(&it.attributes, kind, number(it.value))).collect()
        }
        Some(Data::Histogram(histogram)) => {
            let points = histogram.data_points.iter();
            points
                .map(|it| {
                    let (count, sum) = (it.count, it.sum.unwrap_or(f64::NAN));
                    let value = format!("count={count} sum={sum} buckets={:?}", it.bucket_counts);
                    line(&it.attributes, "histogram", value)
                })
                .collect()
        }
        other => vec![format!("{}: unexpected {other:?}", metric.name)],
    }
}

fn number(value: Option<Number>) -> String {
    match value {
        Some(Number::AsInt(value)) => format!("int {value}"),
        Some(Number::AsDouble(value)) => format!("double {value}"),
        None => "none".to_owned(),
    }
}

fn braces(attributes: &[KeyValue]) -> String {
    let mut pairs: Vec<_> = attributes.iter().map(pair).collect();
    pairs.sort();
    format!("{{{}}}", pairs.join(", "))
}

fn pair(attribute: &KeyValue) -> String {
    let value = attribute.value.as_ref().and_then(|it: &AnyValue| it.value.as_ref());
    let value = match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(value)) => format!("int {value}"),
        other => format!("{other:?}"),
    };
    format!("{}={value}", attribute.key)
}
