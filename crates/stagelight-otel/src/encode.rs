//! Encodes snapshots of the stage store as OTLP metrics.

mod data_point;
mod exponential;

use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram as OtlpHistogram, HistogramDataPoint,
        Metric as OtlpMetric, NumberDataPoint, ScopeMetrics, Sum, metric::Data,
        number_data_point::Value as Number,
    },
};
use stagelight_core::{
    Histogram, Point, Series, Snapshot,
    catalog::{Family, Instrument, Metric},
};

use crate::config::Histograms;
use data_point::{attributes, exemplar};

pub(crate) use data_point::Period;
#[cfg(test)]
pub(crate) use data_point::attribute;

/// Wraps metrics in stagelight's instrumentation scope.
pub(crate) fn scope(metrics: Vec<OtlpMetric>) -> ScopeMetrics {
    let scope = InstrumentationScope {
        name: "stagelight".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }
}

/// Encodes every metric with at least one recorded value.
pub(crate) fn snapshot(
    snapshot: &Snapshot,
    period: Period,
    histograms: Histograms,
) -> Vec<OtlpMetric> {
    let families = snapshot.families().into_iter();
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

/// Converts a count, saturating at 2^63 - 1.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn encode_family(
    snapshot: &Snapshot,
    family: &'static Family,
    period: Period,
    aggregation: Histograms,
) -> impl Iterator<Item = OtlpMetric> {
    let metrics = family.metrics.iter().enumerate();
    metrics.filter_map(move |(position, metric)| {
        let data = match metric.instrument {
            Instrument::Histogram { .. } => match aggregation {
                Histograms::Explicit => histograms(snapshot, family, position, period),
                Histograms::Exponential => {
                    exponential::histograms(snapshot, family, position, period)
                        .or_else(|| histograms(snapshot, family, position, period))
                }
            },
            Instrument::Counter => sums(snapshot, family, position, period, true),
            Instrument::UpDownCounter => sums(snapshot, family, position, period, false),
            Instrument::Gauge => gauges(snapshot, family, position, period),
            // An instrument that this version does not know.
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
        let histogram = series.points.get(position)?.histogram().filter(|it| 0 < it.count())?;
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
        // A cumulative minimum does not describe the last interval, and Prometheus cannot store it.
        min: None,
        max: None,
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
