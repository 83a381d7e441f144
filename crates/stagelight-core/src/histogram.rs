//! Histograms in a snapshot.

use std::collections::BTreeMap;

use crate::{
    catalog::{Metric, Unit},
    exemplar::Exemplar,
    fine::{self, Layout},
};

/// A histogram at one moment, summed over all threads.
#[derive(Clone, Debug)]
pub struct Histogram {
    pub(crate) metric: &'static Metric,
    pub(crate) sum: u64,
    pub(crate) counts: Vec<u64>,
    pub(crate) fine: BTreeMap<usize, u64>,
    pub(crate) exemplars: Vec<Exemplar>,
}

// === impl Histogram ===

impl Histogram {
    pub(crate) fn empty(metric: &'static Metric) -> Self {
        let buckets = metric.bounds().len() + 1;
        Self {
            metric,
            sum: 0,
            counts: vec![0; buckets],
            fine: BTreeMap::new(),
            exemplars: Vec::new(),
        }
    }

    /// Returns the number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the exact sum of the values in the recorded unit: nanoseconds or bytes.
    #[must_use]
    pub fn recorded_sum(&self) -> u64 {
        self.sum
    }

    /// Returns the sum of the values in the exported unit.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.metric.unit.export(self.sum)
    }

    /// Returns the classic upper bounds in the exported unit, without the last, infinite one.
    #[must_use]
    pub fn bounds(&self) -> &'static [f64] {
        self.metric.bounds()
    }

    /// Returns the counts of the classic buckets, one more than there are bounds. They are not
    /// cumulative.
    #[must_use]
    pub fn bucket_counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the counts of the base-2 exponential buckets of scale [`SCALE`](crate::SCALE), by
    /// OpenTelemetry's index.
    ///
    /// Empty for a metric without fine buckets.
    pub fn exponential_counts(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        let layout = layout_of(self.metric);
        self.fine.iter().map(move |(&position, &count)| (layout.otel_index(position), count))
    }

    /// Returns the `q`-quantile in the exported unit; `None` without values. `q` is clamped to
    /// 0..=1.
    ///
    /// With fine buckets, it is within 1.1 % for values from 1 µs to 4.8 h (1 B to 16 GiB).
    /// Without, it is interpolated in the classic bucket, as `histogram_quantile` does in
    /// Prometheus.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
        let rank = (q.clamp(0.0, 1.0) * count as f64).max(1.0);
        if self.fine.is_empty() { self.classic_quantile(rank) } else { self.fine_quantile(rank) }
    }

    /// Returns the difference to an `earlier` histogram of the same series: the values recorded in
    /// between.
    ///
    /// Counts are zero where `earlier` has more, which no histogram of the same series has.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts =
            self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        let fine = self.fine.iter().filter_map(|(&position, &now)| {
            let then = earlier.fine.get(&position).copied().unwrap_or(0);
            (then < now).then(|| (position, now - then))
        });
        Self {
            metric: self.metric,
            sum: self.sum.wrapping_sub(earlier.sum),
            counts: counts.collect(),
            fine: fine.collect(),
            exemplars: self.exemplars.clone(),
        }
    }

    /// Returns the exemplars, at most one per bucket, in the order of the buckets.
    ///
    /// Only snapshots of an [`ExemplarReader`](crate::ExemplarReader) have some.
    #[must_use]
    pub fn exemplars(&self) -> &[Exemplar] {
        &self.exemplars
    }

    /// Adds another histogram of the same metric, without its exemplars.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        for (&position, count) in &other.fine {
            *self.fine.entry(position).or_default() += count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
    fn fine_quantile(&self, rank: f64) -> Option<f64> {
        let layout = layout_of(self.metric);
        let mut seen = 0;
        let position = self.fine.iter().find_map(|(&position, count)| {
            seen += count;
            (rank <= seen as f64).then_some(position)
        });
        let position = position.or_else(|| self.fine.keys().next_back().copied())?;
        // The geometric middle: the same relative error to both sides.
        let exponent = (f64::from(layout.otel_index(position)) + 0.5) / fine::PER_OCTAVE as f64;
        Some(exponent.exp2())
    }

    #[expect(clippy::cast_precision_loss, reason = "a rank needs no more than 53 bits")]
    fn classic_quantile(&self, rank: f64) -> Option<f64> {
        let mut below = 0.0;
        for (index, &count) in self.counts.iter().enumerate() {
            let count = count as f64;
            if rank <= below + count {
                let lower = index.checked_sub(1).map_or(0.0, |it| self.bounds()[it]);
                let Some(upper) = self.bounds().get(index) else { return Some(lower) };
                return Some(lower + (upper - lower) * (rank - below) / count);
            }
            below += count;
        }
        self.bounds().last().copied()
    }
}

pub(crate) fn layout_of(metric: &Metric) -> &'static Layout {
    match metric.unit {
        Unit::Seconds => &fine::NANOSECONDS,
        Unit::Bytes | Unit::Count(_) | Unit::None => &fine::PLAIN,
    }
}
