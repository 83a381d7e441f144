//! Prometheus' responses to queries: series with their values.

use serde_json::Value;

use crate::prometheus::{Labels, Prometheus};

/// Step of range queries, in seconds.
const STEP: f64 = 5.0;

/// The series of a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) series: Vec<Series>,
}

/// One series with its values over time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Seconds since 1970 and the value, which is the count for native histograms.
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) is_histogram: bool,
}

/// The queried time range, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

// === impl Response ===

impl Response {
    /// Runs an instant query at the end of the span.
    ///
    /// # Errors
    ///
    /// Returns Prometheus' error.
    pub(crate) fn at_the_end(
        prometheus: &Prometheus,
        query: &str,
        span: Span,
    ) -> Result<Self, String> {
        let time = span.to.to_string();
        prometheus.try_get("query", &[("query", query), ("time", &time)]).map(|it| Self::read(&it))
    }

    /// Runs a range query over the span.
    ///
    /// # Errors
    ///
    /// Returns Prometheus' error.
    pub(crate) fn over(prometheus: &Prometheus, query: &str, span: Span) -> Result<Self, String> {
        // The last step is at the span's end.
        let steps = ((span.to - span.from) / STEP).floor();
        let start = (span.to - steps * STEP).to_string();
        let (end, step) = (span.to.to_string(), STEP.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        prometheus.try_get("query_range", &parameters).map(|it| Self::read(&it))
    }

    fn read(data: &Value) -> Self {
        let rows = data["result"].as_array().map_or(&[][..], Vec::as_slice);
        if data["resultType"] == "scalar" {
            let points = point(&data["result"]).into_iter().collect();
            return Self {
                series: vec![Series { labels: Labels::new(), points, is_histogram: false }],
            };
        }
        Self { series: rows.iter().map(Series::read).collect() }
    }

    /// Returns whether it contains no number.
    pub(crate) fn is_empty(&self) -> bool {
        !self.values().any(|it| it.is_finite())
    }

    /// Returns every value of every series.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.series.iter().flat_map(|it| &it.points).map(|it| it.1)
    }

    /// Returns the last value of each series that continues to the end of the span.
    pub(crate) fn at(&self, end: f64) -> impl Iterator<Item = (&Labels, f64)> {
        let last = |it: &Series| it.points.last().copied();
        self.series.iter().filter_map(move |it| {
            last(it).filter(|it| (it.0 - end).abs() < 0.1).map(|point| (&it.labels, point.1))
        })
    }
}

// === impl Series ===

impl Series {
    fn read(row: &Value) -> Self {
        let labels = row["metric"].as_object().into_iter().flatten();
        let labels = labels
            .map(|(name, it)| (name.clone(), it.as_str().unwrap_or_default().to_owned()))
            .collect();
        let range = |key: &str| row[key].as_array().into_iter().flatten().filter_map(point);
        let points = range("values").chain(point(&row["value"]));
        let histograms: Vec<_> = range("histograms").chain(point(&row["histogram"])).collect();
        let is_histogram = !histograms.is_empty();
        Self { labels, points: points.chain(histograms).collect(), is_histogram }
    }
}

/// Reads `[1700000000.1, "0.5"]`, or `[1700000000.1, {"count": "7", …}]`.
fn point(pair: &Value) -> Option<(f64, f64)> {
    let value = pair[1].as_str().or(pair[1]["count"].as_str());
    Some((pair[0].as_f64()?, value?.parse().ok()?))
}
