//! Snapshots: all values at one moment, for readers.

use std::{collections::HashMap, sync::Arc};

use crate::{
    catalog::{Family, Instrument, Label, LabelSet, Metric, MetricId, TypedFamily},
    histogram::Histogram,
};

/// All values at one moment, summed over all threads.
///
/// Values are cumulative since the engine was created, so two snapshots can be subtracted. A
/// request that ends meanwhile may be included in part; when none does, all sums agree to the
/// nanosecond.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The series, ordered by family as in the catalogue, then by label values.
    pub series: Vec<Series>,
}

/// One combination of label values, with the values of all metrics of its family.
#[derive(Clone, Debug)]
pub struct Series {
    /// The family.
    pub family: &'static Family,
    /// The label values, in the order of [`Family::labels`]. An empty one is an absent label.
    pub values: Vec<Arc<str>>,
    /// One point for each of [`Family::metrics`], in that order.
    pub points: Vec<Point>,
}

/// The value of one metric in one series.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Point {
    /// Of a histogram; nothing was recorded if its count is zero.
    Histogram(Histogram),
    /// Of a counter.
    Counter(u64),
    /// Of an up-down counter.
    UpDownCounter(i64),
    /// Of a gauge.
    Gauge(f64),
}

// === impl Snapshot ===

impl Snapshot {
    /// Returns the series of one family.
    pub fn of<'a>(&'a self, family: &'static Family) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |it| it.family == family)
    }

    /// Returns the families that have series, each once, in the order of their first series.
    #[must_use]
    pub fn families(&self) -> Vec<&'static Family> {
        let mut families = Vec::new();
        for series in &self.series {
            if !families.contains(&series.family) {
                families.push(series.family);
            }
        }
        families
    }

    /// Returns the difference to an `earlier` snapshot of the same engine: the values recorded in
    /// between.
    ///
    /// Histograms and counters are subtracted. Up-down counters and gauges keep their value at the
    /// end of the interval, and series that `earlier` lacks keep all of theirs.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let earlier: HashMap<_, _> = earlier.series.iter().map(|it| (it.key(), it)).collect();
        let series = self.series.iter().map(|now| match earlier.get(&now.key()) {
            Some(then) => now.since(then),
            None => now.clone(),
        });
        Self { series: series.collect() }
    }
}

// === impl Series ===

impl Series {
    /// Creates a series of values that a reader computes, such as `stage.percentage`.
    ///
    /// Metrics without a point stay at zero.
    #[must_use]
    pub fn new<F: TypedFamily>(
        labels: F::Labels<'_>,
        points: impl IntoIterator<Item = (MetricId<F>, Point)>,
    ) -> Self {
        let mut values = Vec::new();
        labels.for_each(|_, label, value| values.push(value.to_text(label).into()));
        let mut series = Self { family: F::FAMILY, values, points: Point::empty(F::FAMILY) };
        for (metric, point) in points {
            series.points[metric.position()] = point;
        }
        series
    }

    /// Returns the value of a label; empty if it is absent or not one of this family's.
    #[must_use]
    pub fn value(&self, label: &Label) -> &str {
        let position = self.family.labels.iter().position(|&it| it == label);
        position.and_then(|it| self.values.get(it)).map_or("", |it| it)
    }

    /// Returns the labels that are present, with their values.
    pub fn labels(&self) -> impl Iterator<Item = (&'static Label, &str)> {
        let labels = self.family.labels.iter().copied();
        labels.zip(self.values.iter().map(|it| &**it)).filter(|(_, value)| !value.is_empty())
    }

    /// Returns each metric of the family with its point, except for empty histograms.
    pub fn metrics(&self) -> impl Iterator<Item = (&'static Metric, &Point)> {
        self.family.metrics.iter().zip(&self.points).filter(|(_, point)| !point.is_empty())
    }

    /// Returns the point of a metric; `None` if the series is of another family.
    #[must_use]
    pub fn point<F: TypedFamily>(&self, metric: MetricId<F>) -> Option<&Point> {
        (self.family == F::FAMILY).then(|| self.points.get(metric.position())).flatten()
    }

    /// Returns the histogram of a metric; `None` if the series is of another family, or the metric
    /// is no histogram.
    #[must_use]
    pub fn histogram<F: TypedFamily>(&self, metric: MetricId<F>) -> Option<&Histogram> {
        self.point(metric)?.histogram()
    }

    /// Returns the family's address and the label values, which identify a series.
    fn key(&self) -> (*const Family, &[Arc<str>]) {
        (self.family, &self.values)
    }

    fn since(&self, earlier: &Self) -> Self {
        let points = self.points.iter().zip(&earlier.points).map(|points| match points {
            (Point::Histogram(now), Point::Histogram(then)) => Point::Histogram(now.since(then)),
            (Point::Counter(now), Point::Counter(then)) => {
                Point::Counter(now.saturating_sub(*then))
            }
            (now, _) => now.clone(),
        });
        Self { family: self.family, values: self.values.clone(), points: points.collect() }
    }
}

// === impl Point ===

impl Point {
    /// Returns the points of a family in which nothing was recorded.
    pub(crate) fn empty(family: &'static Family) -> Vec<Self> {
        let point = |metric: &'static Metric| match metric.instrument {
            Instrument::Histogram { .. } => Self::Histogram(Histogram::empty(metric)),
            Instrument::Counter => Self::Counter(0),
            Instrument::UpDownCounter => Self::UpDownCounter(0),
            Instrument::Gauge => Self::Gauge(0.0),
        };
        family.metrics.iter().map(point).collect()
    }

    /// Returns the histogram, if it is one.
    #[must_use]
    pub fn histogram(&self) -> Option<&Histogram> {
        match self {
            Self::Histogram(histogram) => Some(histogram),
            Self::Counter(_) | Self::UpDownCounter(_) | Self::Gauge(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Histogram(histogram) if histogram.count() == 0)
    }
}
