//! PromQL for the catalogue's metrics, written once for classic and for native histograms.
//!
//! stagelight exports classic histograms, or exponential ones where it is told to; and Prometheus makes native ones of the classic with
//! `otlp.convert_histograms_to_nhcb`. Native ones have no `_bucket`, `_sum` and `_count`. So every query of a histogram is
//! `classic or native`: the side that is not there is empty, and where both are, the classic one is shown.

use std::fmt::Write as _;

use stagelight_core::catalog::{Family, Instrument, Label, Metric};

/// The window of lines: as long as four samples, at least one step.
pub(crate) const STEP: &str = "$__rate_interval";
/// The window of tables and single values: all that the dashboard shows.
pub(crate) const RANGE: &str = "$__range";

/// A metric of the catalogue as a dashboard asks for it: filtered by the variables, over a window.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    metric: &'static Metric,
    matchers: String,
    window: &'static str,
    offset: &'static str,
}

// === impl Series ===

impl Series {
    /// Asks for a metric of a family, of the services, instances, endpoints, providers and models that are chosen.
    pub(crate) fn of(family: &'static Family, position: usize) -> Self {
        let mut matchers = r#"job=~"$job", instance=~"$instance""#.to_owned();
        for label in family.labels {
            let variable = match label {
                // An endpoint is a route's template.
                Label::Endpoint | Label::HttpRoute => "endpoint",
                Label::Provider => "provider",
                Label::Model => "model",
                _ => continue,
            };
            let _ = write!(matchers, r#", {}=~"${variable}""#, label.prometheus_name());
        }
        Self { metric: &family.metrics[position], matchers, window: STEP, offset: "" }
    }

    /// Asks for less: `matcher` is one in PromQL.
    pub(crate) fn with(mut self, matcher: &str) -> Self {
        let _ = write!(self.matchers, ", {matcher}");
        self
    }

    /// Looks at the whole range instead of a step.
    pub(crate) fn over_range(mut self) -> Self {
        self.window = RANGE;
        self
    }

    /// Looks at the time that the variable `offset` says earlier.
    pub(crate) fn earlier(mut self) -> Self {
        self.offset = " offset $offset";
        self
    }

    /// The value at an instant, of a gauge or an up-down counter, summed.
    pub(crate) fn sum(&self, by: &[Label]) -> String {
        format!("{} ({})", aggregate("sum", by), self.selector(""))
    }

    /// The selector alone.
    pub(crate) fn selector(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}{}", self.metric.prometheus_name(), self.matchers, self.offset)
    }

    /// How many a second: of a counter its growth, of a histogram that of its count.
    pub(crate) fn rate(&self, by: &[Label]) -> String {
        self.growth("rate", by)
    }

    /// How many in the window.
    pub(crate) fn increase(&self, by: &[Label]) -> String {
        self.growth("increase", by)
    }

    /// How much a second of what a histogram measures: seconds a second, bytes a second.
    pub(crate) fn rate_of_sum(&self, by: &[Label]) -> String {
        let sum = aggregate("sum", by);
        let classic = format!("{sum} (rate({}))", self.windowed("_sum"));
        let native = format!("{sum} (histogram_sum(rate({})))", self.windowed(""));
        either(&classic, &native)
    }

    /// A quantile, interpolated within its bucket.
    pub(crate) fn quantile(&self, quantile: f64, by: &[Label]) -> String {
        let classic = format!("{} (rate({}))", aggregate_le(by), self.windowed("_bucket"));
        let native = format!("{} (rate({}))", aggregate("sum", by), self.windowed(""));
        either(
            &format!("histogram_quantile({quantile}, {classic})"),
            &format!("histogram_quantile({quantile}, {native})"),
        )
    }

    /// The mean: exact, whatever the buckets are.
    pub(crate) fn mean(&self, by: &[Label]) -> String {
        let sum = aggregate("sum", by);
        let classic = format!(
            "{sum} (rate({})) / {sum} (rate({}))",
            self.windowed("_sum"),
            self.windowed("_count")
        );
        let native = format!("histogram_avg({sum} (rate({})))", self.windowed(""));
        either(&classic, &native)
    }

    /// How many fell into each bucket, for a heatmap.
    ///
    /// A bound is `1` when it came by OTLP and `1.0` when it was scraped: without the change of spelling it would be two rows.
    pub(crate) fn heatmap(&self) -> String {
        let classic = format!(
            r#"sum by (le) (label_replace(increase({}), "le", "$1", "le", "([0-9]+)[.]0"))"#,
            self.windowed("_bucket")
        );
        let native = format!("sum(increase({}))", self.windowed(""));
        either(&classic, &native)
    }

    fn growth(&self, function: &str, by: &[Label]) -> String {
        let sum = aggregate("sum", by);
        if !matches!(self.metric.instrument, Instrument::Histogram { .. }) {
            return format!("{sum} ({function}({}))", self.windowed(""));
        }
        let classic = format!("{sum} ({function}({}))", self.windowed("_count"));
        let native = format!("{sum} (histogram_count({function}({})))", self.windowed(""));
        either(&classic, &native)
    }

    fn windowed(&self, suffix: &str) -> String {
        let name = self.metric.prometheus_name();
        format!("{name}{suffix}{{{}}}[{}]{}", self.matchers, self.window, self.offset)
    }
}

/// Leaves out what is not a number: what nothing happened to has no mean and no quantile.
pub(crate) fn finite(query: &str) -> String {
    format!("(\n{query}\n) >= 0")
}

/// The largest ten.
pub(crate) fn top_ten(query: &str) -> String {
    format!("topk(10, {})", finite(query))
}

/// One query divided by another; both need the same labels.
pub(crate) fn ratio(part: &str, whole: &str) -> String {
    format!("(\n{part}\n)\n/\n(\n{whole}\n)")
}

/// One query divided by a total that has no labels.
pub(crate) fn part_of(part: &str, total: &str) -> String {
    format!("(\n{part}\n)\n/ on () group_left ()\n(\n{total}\n)")
}

/// `part`, or zero where there is only `whole`: what never happened has no series.
pub(crate) fn or_zero(part: &str, whole: &str) -> String {
    format!("{part}\nor\n0 * (\n{whole}\n)")
}

/// `first`, and of `second` what `first` does not have.
pub(crate) fn either(first: &str, second: &str) -> String {
    format!("{first}\nor\n{second}")
}

fn aggregate(operator: &str, by: &[Label]) -> String {
    if by.is_empty() { operator.to_owned() } else { format!("{operator} by ({})", names(by)) }
}

fn aggregate_le(by: &[Label]) -> String {
    if by.is_empty() { "sum by (le)".to_owned() } else { format!("sum by (le, {})", names(by)) }
}

fn names(labels: &[Label]) -> String {
    labels.iter().map(|it| it.prometheus_name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
