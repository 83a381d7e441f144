//! Turns the stage store into OTLP.

mod exponential;

use std::time::SystemTime;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, Exemplar as OtlpExemplar, Gauge, Histogram as OtlpHistogram,
        HistogramDataPoint, Metric as OtlpMetric, NumberDataPoint, ScopeMetrics, Sum,
        exemplar::Value as ExemplarValue, metric::Data, number_data_point::Value as Number,
    },
};
use stagelight_core::{
    Exemplar, Histogram, Point, Series, Snapshot,
    catalog::{self, Family, Instrument, Label, Metric},
};

use crate::config::Histograms;

/// The period that cumulative values cover, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

// === impl Period ===

impl Period {
    pub(crate) fn until_now(start: SystemTime) -> Self {
        Self { start: unix_nanos(start), end: unix_nanos(SystemTime::now()) }
    }
}

/// Puts metrics under our name.
pub(crate) fn scope(metrics: Vec<OtlpMetric>) -> ScopeMetrics {
    let scope = InstrumentationScope {
        name: "stagelight".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }
}

/// Encodes every metric in which something was recorded.
pub(crate) fn snapshot(
    snapshot: &Snapshot,
    period: Period,
    histograms: Histograms,
) -> Vec<OtlpMetric> {
    let families = catalog::ALL.iter().copied();
    families.flat_map(|family| encode_family(snapshot, family, period, histograms)).collect()
}

fn number(attributes: Vec<KeyValue>, period: Period, value: Number) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: period.start,
        time_unix_nano: period.end,
        value: Some(value),
        ..Default::default()
    }
}

pub(crate) fn attribute(name: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..Default::default() }
}

/// Converts a count; above 2^63, which no count reaches, it stays there.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn encode_family(
    snapshot: &Snapshot,
    family: &'static Family,
    period: Period,
    as_what: Histograms,
) -> impl Iterator<Item = OtlpMetric> {
    let metrics = family.metrics.iter().enumerate();
    metrics.filter_map(move |(position, metric)| {
        let data = match metric.instrument {
            Instrument::Histogram { .. } => match as_what {
                Histograms::Explicit => histograms(snapshot, family, position, period),
                Histograms::Exponential => {
                    exponential::histograms(snapshot, family, position, period)
                        .or_else(|| histograms(snapshot, family, position, period))
                }
            },
            Instrument::Counter => sums(snapshot, family, position, period, true),
            Instrument::UpDownCounter => sums(snapshot, family, position, period, false),
            Instrument::Gauge => gauges(snapshot, family, position, period),
            // A kind that this version does not know cannot be sent as anything else.
            _ => None,
        };
        data.map(|data| describe(metric, data))
    })
}

fn describe(metric: &Metric, data: Data) -> OtlpMetric {
    OtlpMetric {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        unit: metric.unit.code(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn histograms(
    snapshot: &Snapshot,
    family: &'static Family,
    position: usize,
    period: Period,
) -> Option<Data> {
    let recorded = snapshot.of(family).filter_map(|series| {
        let histogram = series.histogram(position).filter(|it| 0 < it.count())?;
        Some(histogram_point(series, histogram, period))
    });
    let data_points: Vec<_> = recorded.collect();
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let histogram = OtlpHistogram { data_points, aggregation_temporality };
    (!histogram.data_points.is_empty()).then_some(Data::Histogram(histogram))
}

fn histogram_point(series: &Series, histogram: &Histogram, period: Period) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: period.start,
        time_unix_nano: period.end,
        count: histogram.count(),
        sum: Some(histogram.sum()),
        bucket_counts: histogram.bucket_counts().to_vec(),
        explicit_bounds: histogram.bounds().to_vec(),
        exemplars: histogram.exemplars().iter().map(|it| exemplar(it, period)).collect(),
        flags: 0,
        // A cumulative minimum says nothing of the last interval, and Prometheus has no place for it.
        min: None,
        max: None,
    }
}

fn exemplar(exemplar: &Exemplar, period: Period) -> OtlpExemplar {
    OtlpExemplar {
        filtered_attributes: Vec::new(),
        time_unix_nano: period.end.saturating_sub(exemplar.age.get()),
        span_id: exemplar.span_id.to_be_bytes().to_vec(),
        trace_id: exemplar.trace_id.to_be_bytes().to_vec(),
        value: Some(ExemplarValue::AsDouble(exemplar.value)),
    }
}

fn sums(
    snapshot: &Snapshot,
    family: &'static Family,
    position: usize,
    period: Period,
    is_monotonic: bool,
) -> Option<Data> {
    let data_points = numbers(snapshot, family, position, period);
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let sum = Sum { data_points, aggregation_temporality, is_monotonic };
    (!sum.data_points.is_empty()).then_some(Data::Sum(sum))
}

fn gauges(
    snapshot: &Snapshot,
    family: &'static Family,
    position: usize,
    period: Period,
) -> Option<Data> {
    let data_points = numbers(snapshot, family, position, period);
    (!data_points.is_empty()).then_some(Data::Gauge(Gauge { data_points }))
}

fn numbers(
    snapshot: &Snapshot,
    family: &'static Family,
    position: usize,
    period: Period,
) -> Vec<NumberDataPoint> {
    let points = snapshot.of(family).filter_map(|series| {
        let value = match series.points.get(position)? {
            Point::Counter(count) => Number::AsInt(integer(*count)),
            Point::UpDownCounter(level) => Number::AsInt(*level),
            Point::Gauge(value) => Number::AsDouble(*value),
            _ => return None,
        };
        Some(number(attributes(series), period, value))
    });
    points.collect()
}

fn attributes(series: &Series) -> Vec<KeyValue> {
    let present = series.labels();
    present.map(|(label, value)| attribute(label.otel_name(), value_of(label, value))).collect()
}

fn value_of(label: Label, value: &str) -> Value {
    // Beyond a label's cap the value is `other`, whatever the label.
    let number = label.is_integer().then(|| value.parse().ok()).flatten();
    number.map_or_else(|| Value::StringValue(value.to_owned()), Value::IntValue)
}

fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
