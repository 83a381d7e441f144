//! PromQL for the catalogue's metrics, for classic and native histograms.
//!
//! stagelight exports classic histograms, or exponential ones when configured; Prometheus converts
//! classic to native ones with `otlp.convert_histograms_to_nhcb`. Native histograms have no
//! `_bucket`, `_sum` and `_count`. Every histogram query is therefore `classic or native`: the
//! absent side is empty, and where both exist, the classic one wins.

use std::fmt::Write as _;

use stagelight_core::catalog::{Instrument, Label, Metric, MetricId, TypedFamily};

/// The window of lines: four export intervals, at least one step.
const STEP: &str = "$__rate_interval";
/// The window of tables and single values: the dashboard's time range.
const RANGE: &str = "$__range";

/// A metric of the catalogue, filtered by the dashboard's variables, over a window.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    metric: &'static Metric,
    matchers: String,
    window: &'static str,
    offset: &'static str,
}

// === impl Series ===

impl Series {
    /// Selects a metric by the selected services, instances, endpoints and backends.
    pub(crate) fn new<F: TypedFamily>(metric: MetricId<F>) -> Self {
        let mut matchers = r#"job=~"$job", instance=~"$instance""#.to_owned();
        for &label in metric.family().labels {
            let variable = match label.otel_name {
                // An endpoint is a route template.
                "endpoint" | "http.route" => "endpoint",
                name @ ("provider" | "model") => name,
                _ => continue,
            };
            let _ = write!(matchers, r#", {}=~"${variable}""#, label.prometheus_name);
        }
        Self { metric: metric.metric(), matchers, window: STEP, offset: "" }
    }

    /// Adds a matcher in PromQL.
    pub(crate) fn with(mut self, matcher: &str) -> Self {
        let _ = write!(self.matchers, ", {matcher}");
        self
    }

    /// Looks at the whole time range instead of a step.
    pub(crate) fn over_range(mut self) -> Self {
        self.window = RANGE;
        self
    }

    /// Looks back by the variable `offset`.
    pub(crate) fn before(mut self) -> Self {
        self.offset = " offset $offset";
        self
    }

    /// Returns the matcher of the histogram's count, classic or native.
    pub(crate) fn name_matcher(&self) -> String {
        format!(r#"__name__=~"{}(_count)?""#, self.metric.prometheus_name)
    }

    /// Returns the selector without a window.
    pub(crate) fn selector(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}{}", self.metric.prometheus_name, self.matchers, self.offset)
    }

    /// Sums a gauge or an up-down counter.
    pub(crate) fn sum(&self, by: &[&Label]) -> String {
        format!("{} ({})", sum(by), self.selector(""))
    }

    /// Returns the rate of a counter, or of a histogram's count.
    pub(crate) fn rate(&self, by: &[&Label]) -> String {
        self.growth("rate", by)
    }

    /// Returns the increase of a counter, or of a histogram's count.
    pub(crate) fn increase(&self, by: &[&Label]) -> String {
        self.growth("increase", by)
    }

    /// Returns the rate of a histogram's sum: seconds per second, bytes per second.
    pub(crate) fn rate_of_sum(&self, by: &[&Label]) -> String {
        let classic = format!("{} (rate({}))", sum(by), self.windowed("_sum"));
        let native = format!("{} (histogram_sum(rate({})))", sum(by), self.windowed(""));
        or(&classic, &native)
    }

    /// Returns a quantile, interpolated within its bucket.
    pub(crate) fn quantile(&self, quantile: f64, by: &[&Label]) -> String {
        let by_le = if by.is_empty() { "le".to_owned() } else { format!("le, {}", names(by)) };
        let classic = format!("sum by ({by_le}) (rate({}))", self.windowed("_bucket"));
        let native = format!("{} (rate({}))", sum(by), self.windowed(""));
        or(
            &format!("histogram_quantile({quantile}, {classic})"),
            &format!("histogram_quantile({quantile}, {native})"),
        )
    }

    /// Returns the mean, which is exact whatever the buckets are.
    pub(crate) fn mean(&self, by: &[&Label]) -> String {
        let sum = sum(by);
        let (total, count) = (self.windowed("_sum"), self.windowed("_count"));
        let classic = format!("{sum} (rate({total})) / {sum} (rate({count}))");
        let native = format!("histogram_avg({sum} (rate({})))", self.windowed(""));
        or(&classic, &native)
    }

    /// Returns the increase of each bucket, for a heatmap.
    ///
    /// The bound 1 is `1` over OTLP and `1.0` when scraped; unifying both avoids a second row.
    pub(crate) fn heatmap(&self) -> String {
        let classic = format!(
            r#"sum by (le) (label_replace(increase({}), "le", "$1", "le", "([0-9]+)[.]0"))"#,
            self.windowed("_bucket")
        );
        let native = format!("sum(increase({}))", self.windowed(""));
        or(&classic, &native)
    }

    fn growth(&self, function: &str, by: &[&Label]) -> String {
        let sum = sum(by);
        if !matches!(self.metric.instrument, Instrument::Histogram { .. }) {
            return format!("{sum} ({function}({}))", self.windowed(""));
        }
        let classic = format!("{sum} ({function}({}))", self.windowed("_count"));
        let native = format!("{sum} (histogram_count({function}({})))", self.windowed(""));
        or(&classic, &native)
    }

    fn windowed(&self, suffix: &str) -> String {
        let name = self.metric.prometheus_name;
        format!("{name}{suffix}{{{}}}[{}]{}", self.matchers, self.window, self.offset)
    }
}

/// Removes NaN: the mean and the quantiles of nothing.
pub(crate) fn finite(query: &str) -> String {
    format!("(\n{query}\n) >= 0")
}

/// Returns the ten largest values.
pub(crate) fn top_ten(query: &str) -> String {
    format!("topk(10, {})", finite(query))
}

/// Divides one query by another with the same labels.
pub(crate) fn ratio(part: &str, whole: &str) -> String {
    format!("(\n{part}\n)\n/\n(\n{whole}\n)")
}

/// Divides a query by a total without labels.
pub(crate) fn per_total(part: &str, total: &str) -> String {
    format!("(\n{part}\n)\n/ on () group_left ()\n(\n{total}\n)")
}

/// Subtracts one query from another with the same labels.
pub(crate) fn difference(left: &str, right: &str) -> String {
    format!("(\n{left}\n)\n-\n(\n{right}\n)")
}

/// Returns `part`, or zero where only `whole` has a series: an event that never happened has none.
pub(crate) fn or_zero(part: &str, whole: &str) -> String {
    or(part, &format!("0 * (\n{whole}\n)"))
}

/// Returns `first`, and from `second` the series that `first` lacks.
pub(crate) fn or(first: &str, second: &str) -> String {
    format!("{first}\nor\n{second}")
}

/// Sums series of other programs by labels.
pub(crate) fn sum_by(labels: &str, selector: &str) -> String {
    format!("sum by ({labels}) ({selector})")
}

/// Returns the rate of other programs' counters, summed by labels.
pub(crate) fn rate_by(labels: &str, selector: &str) -> String {
    sum_by(labels, &format!("rate({selector}[{STEP}])"))
}

fn sum(by: &[&Label]) -> String {
    if by.is_empty() { "sum".to_owned() } else { format!("sum by ({})", names(by)) }
}

fn names(labels: &[&Label]) -> String {
    labels.iter().map(|it| it.prometheus_name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
