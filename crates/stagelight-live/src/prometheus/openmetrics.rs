//! OpenMetrics' text format 1.0.0.

use std::{
    fmt::{Display, Formatter, Result, Write},
    time::SystemTime,
};

use stagelight_core::{
    Exemplar, Histogram, Point, Series, Snapshot,
    catalog::{Instrument, Metric},
};

use super::{
    escape::{LabelValue, Number},
    text::{labels_of, write_sample},
    view::ExemplarView,
};

/// A bucket's bound; the format requires a decimal point.
struct Bound(f64);

/// Writes an exemplar with a leading space, or nothing for `None`.
struct Suffix<'a>(Option<&'a (Exemplar, SystemTime)>);

/// Writes a snapshot with the exemplars in `view`.
pub(super) fn write(snapshot: &Snapshot, view: &ExemplarView) -> String {
    let mut out = String::new();
    for family in snapshot.families() {
        let series: Vec<_> = snapshot.of(family).collect();
        for (position, metric) in family.metrics.iter().enumerate() {
            // Writing to a string is infallible.
            let _: Result = write_metric(&mut out, metric, position, &series, view);
        }
    }
    out.push_str("# EOF\n");
    out
}

fn write_metric(
    out: &mut String,
    metric: &'static Metric,
    position: usize,
    series: &[&Series],
    view: &ExemplarView,
) -> Result {
    let name = metric.prometheus_name;
    // In OpenMetrics, `_total` is part of the sample's name, not of the metric's.
    let metric_name = name.strip_suffix("_total").unwrap_or(name);
    let mut has_header = false;
    for series in series {
        if !series.metrics().any(|(it, _)| std::ptr::eq(it, metric)) {
            continue;
        }
        if !has_header {
            writeln!(out, "# TYPE {metric_name} {}", kind(metric.instrument))?;
            writeln!(out, "# HELP {metric_name} {}", LabelValue(metric.help))?;
            has_header = true;
        }
        let labels = labels_of(series)?;
        match &series.points[position] {
            Point::Histogram(histogram) => {
                write_histogram(out, name, &labels, histogram, view.of(series, position))?;
            }
            Point::Counter(value) => write_sample(out, name, &labels, value)?,
            Point::UpDownCounter(value) => write_sample(out, name, &labels, value)?,
            Point::Gauge(value) => write_sample(out, name, &labels, Number(*value))?,
            // A point type that this version does not know.
            _ => {}
        }
    }
    Ok(())
}

fn kind(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Histogram { .. } => "histogram",
        Instrument::Counter => "counter",
        Instrument::UpDownCounter | Instrument::Gauge => "gauge",
        _ => "unknown",
    }
}

fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    histogram: &Histogram,
    exemplars: &[(Exemplar, SystemTime)],
) -> Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let bounds = histogram.bounds().iter().copied().chain([f64::INFINITY]);
    let mut cumulative = 0;
    for (bucket, (bound, count)) in bounds.zip(histogram.bucket_counts()).enumerate() {
        cumulative += count;
        let bound = Bound(bound);
        let exemplar = Suffix(exemplars.iter().find(|it| it.0.bucket == bucket));
        writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {cumulative}{exemplar}")?;
    }
    write_sample(out, &format!("{name}_sum"), labels, Number(histogram.sum()))?;
    write_sample(out, &format!("{name}_count"), labels, cumulative)
}

// === impl Bound ===

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.fract() == 0.0 { write!(f, "{:.1}", self.0) } else { Number(self.0).fmt(f) }
    }
}

// === impl Suffix ===

impl Display for Suffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Some((exemplar, at)) = self.0 else { return Ok(()) };
        let Exemplar { trace_id, span_id, value, .. } = exemplar;
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (at.as_secs(), at.subsec_millis());
        let value = Number(*value);
        write!(f, " # {{trace_id=\"{trace_id:032x}\",span_id=\"{span_id:016x}\"}} {value}")?;
        write!(f, " {seconds}.{millis:03}")
    }
}

#[cfg(test)]
mod tests;
