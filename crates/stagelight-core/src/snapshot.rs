//! What a reader sees of the store.

use std::{collections::HashMap, sync::Arc};

use crate::{
    catalog::{Family, Label, Metric},
    histogram::Histogram,
};

/// The store as it was at one moment, summed over all threads.
///
/// Counts are cumulative since the engine was made: two readings can be subtracted. A request that is being recorded in this very
/// moment may be seen in part; when none is, all sums agree to the nanosecond.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The series, by family in the catalogue's order, and by attribute values within one.
    pub series: Vec<Series>,
}

/// One combination of attribute values, with the values of all metrics of its family.
#[derive(Clone, Debug)]
pub struct Series {
    /// What is measured.
    pub family: &'static Family,
    /// The attributes' values, in the order of [`Family::labels`]; empty means that the attribute is absent.
    pub values: Vec<Arc<str>>,
    /// One for each of [`Family::metrics`], in that order.
    pub points: Vec<Point>,
}

/// The value of one metric in one series.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Point {
    /// Of a histogram; never recorded when its count is zero.
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
        self.series.iter().filter(move |it| std::ptr::eq(it.family, family))
    }

    /// Returns the difference to an `earlier` snapshot of the same engine: the values recorded in
    /// between.
    ///
    /// Histograms and counters are subtracted. Up-down counters and gauges keep their value at the end
    /// of the interval, and series that `earlier` lacks keep all of theirs.
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
    /// Returns an attribute's value; empty when it is absent or not one of this family's.
    #[must_use]
    pub fn value(&self, label: Label) -> &str {
        let position = self.family.labels.iter().position(|&it| it == label);
        position.and_then(|it| self.values.get(it)).map_or("", |it| it)
    }

    /// Returns the attributes that are present, with their values.
    pub fn labels(&self) -> impl Iterator<Item = (Label, &str)> {
        let labels = self.family.labels.iter().copied();
        labels.zip(self.values.iter().map(|it| &**it)).filter(|(_, value)| !value.is_empty())
    }

    /// Returns each metric of the family with its point, without histograms in which nothing was recorded.
    pub fn metrics(&self) -> impl Iterator<Item = (&'static Metric, &Point)> {
        self.family.metrics.iter().zip(&self.points).filter(|(_, point)| !point.is_empty())
    }

    /// Returns the histogram at a position of [`Family::metrics`].
    #[must_use]
    pub fn histogram(&self, position: usize) -> Option<&Histogram> {
        match self.points.get(position)? {
            Point::Histogram(histogram) => Some(histogram),
            Point::Counter(_) | Point::UpDownCounter(_) | Point::Gauge(_) => None,
        }
    }

    /// Returns the family's index and the attribute values, which identify a series.
    fn key(&self) -> (usize, &[Arc<str>]) {
        (self.family.index, &self.values)
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
    fn is_empty(&self) -> bool {
        matches!(self, Self::Histogram(histogram) if histogram.count() == 0)
    }
}
