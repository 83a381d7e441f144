//! Text exposition format 0.0.4.

use std::fmt::{Display, Result, Write};

use stagelight_core::{
    Histogram, Point, Series, Snapshot,
    catalog::{Instrument, Metric},
};

use super::escape::{Help, LabelValue, Number};

/// Writes a snapshot in the text exposition format 0.0.4.
///
/// Ends with a line feed; empty if nothing was recorded. Includes `stage.percentage` only if it was
/// added to the snapshot, as [`MetricsPage`](super::MetricsPage) does.
///
/// # Cost
///
/// About 100 bytes per sample. A histogram has three samples more than it has bounds.
#[must_use]
pub fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for family in snapshot.families() {
        let series: Vec<_> = snapshot.of(family).collect();
        for metric in family.metrics {
            // Writing to a string is infallible.
            let _: Result = write_metric(&mut out, metric, &series);
        }
    }
    out
}

fn write_metric(out: &mut String, metric: &'static Metric, series: &[&Series]) -> Result {
    let name = metric.prometheus_name;
    let recorded = series.iter().filter_map(|series| {
        let (_, point) = series.metrics().find(|(it, _)| std::ptr::eq(*it, metric))?;
        Some((*series, point))
    });
    for (index, (series, point)) in recorded.enumerate() {
        if index == 0 {
            writeln!(out, "# HELP {name} {}", Help(metric.help))?;
            writeln!(out, "# TYPE {name} {}", kind(metric.instrument))?;
        }
        write_point(out, name, &labels_of(series)?, point)?;
    }
    Ok(())
}

fn kind(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Histogram { .. } => "histogram",
        Instrument::Counter => "counter",
        Instrument::UpDownCounter | Instrument::Gauge => "gauge",
        _ => "untyped",
    }
}

/// Returns the labels in Prometheus' syntax, without braces.
pub(super) fn labels_of(series: &Series) -> std::result::Result<String, std::fmt::Error> {
    let mut labels = String::new();
    for (label, value) in series.labels() {
        let comma = if labels.is_empty() { "" } else { "," };
        write!(labels, "{comma}{}=\"{}\"", label.prometheus_name, LabelValue(value))?;
    }
    Ok(labels)
}

fn write_point(out: &mut String, name: &str, labels: &str, point: &Point) -> Result {
    match point {
        Point::Histogram(histogram) => write_histogram(out, name, labels, histogram),
        Point::Counter(value) => write_sample(out, name, labels, value),
        Point::UpDownCounter(value) => write_sample(out, name, labels, value),
        Point::Gauge(value) => write_sample(out, name, labels, Number(*value)),
        // A point type that this version does not know.
        _ => Ok(()),
    }
}

fn write_histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) -> Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let bounds = histogram.bounds().iter().copied().chain([f64::INFINITY]);
    let mut cumulative = 0;
    for (bound, count) in bounds.zip(histogram.bucket_counts()) {
        cumulative += count;
        let bound = Number(bound);
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {cumulative}")?;
    }
    write_sample(out, &format!("{name}_sum"), labels, Number(histogram.sum()))?;
    // Not `histogram.count()`: the count must equal the `+Inf` bucket.
    write_sample(out, &format!("{name}_count"), labels, cumulative)
}

pub(super) fn write_sample(
    out: &mut String,
    name: &str,
    labels: &str,
    value: impl Display,
) -> Result {
    if labels.is_empty() {
        writeln!(out, "{name} {value}")
    } else {
        writeln!(out, "{name}{{{labels}}} {value}")
    }
}

#[cfg(test)]
mod tests;
