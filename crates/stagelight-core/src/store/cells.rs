//! The cells of one series in one shard.

use std::sync::{Arc, OnceLock};

use crate::{
    buckets::{Buckets, MAX_BOUNDS},
    catalog::{Family, Instrument, Measurement, Metric, TypedFamily, Unit},
    fine::{FineBuckets, Layout, PER_OCTAVE},
    histogram::{self, Histogram},
    snapshot::Point,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// How many octaves of fine buckets are kept: 2^10 to 2^44 ns is 1 µs to 4.8 h; bytes begin at 1.
const OCTAVES: usize = 34;
const FIRST_OCTAVE_OF_TIME: usize = 10;

/// The values of all metrics of a family in one series: one cell per metric.
///
/// Clones share the cells: the writing thread has one, and the shard another for readers.
#[derive(Clone, Debug)]
pub(crate) struct Cells(Arc<[Cell]>);

#[derive(Debug)]
enum Cell {
    Histogram(HistogramCell),
    /// A counter, or an up-down counter in two's complement.
    Number(AtomicU64),
}

#[derive(Debug)]
struct HistogramCell {
    buckets: &'static Buckets,
    sum: AtomicU64,
    counts: [AtomicU64; MAX_BOUNDS + 1],
    fine: Option<Box<FineCells>>,
}

/// Fine buckets. An octave is allocated for its first value: 256 bytes each, and 560 for the list.
#[derive(Debug)]
struct FineCells {
    layout: &'static Layout,
    first_octave: usize,
    octaves: [OnceLock<Box<[AtomicU64; PER_OCTAVE]>>; OCTAVES],
}

// === impl Cells ===

impl Cells {
    pub(super) fn new(family: &Family, fine: FineBuckets) -> Self {
        Self(family.metrics.iter().map(|it| Cell::new(it, fine)).collect())
    }

    /// Returns the cells of no series, in which nothing is recorded.
    pub(super) fn none() -> Self {
        Self(Arc::default())
    }

    /// Records values; a counter grows by its value. Only the shard's own thread may call this.
    #[inline]
    pub(super) fn record_all<F: TypedFamily>(&self, values: &[Measurement<F>]) {
        for &Measurement { metric, value } in values {
            match self.0.get(metric.position()) {
                Some(Cell::Histogram(cell)) => cell.record(value),
                Some(Cell::Number(cell)) => grow(cell, value),
                None => {}
            }
        }
    }

    /// Adds to a counter. Only the shard's own thread may call this.
    #[inline]
    pub(super) fn add(&self, position: usize, by: i64) {
        if let Some(Cell::Number(cell)) = self.0.get(position) {
            grow(cell, by.cast_unsigned());
        }
    }

    /// Adds the values to a reader's sums.
    pub(super) fn add_to(&self, points: &mut [Point]) {
        for (cell, point) in self.0.iter().zip(points) {
            match (cell, point) {
                (Cell::Histogram(cell), Point::Histogram(sum)) => cell.add_to(sum),
                (Cell::Number(cell), Point::Counter(sum)) => {
                    *sum = sum.wrapping_add(cell.load(Relaxed));
                }
                (Cell::Number(cell), Point::UpDownCounter(sum)) => {
                    *sum = sum.wrapping_add(cell.load(Relaxed).cast_signed());
                }
                // Cells and points are both made from the family's metrics.
                (Cell::Histogram(_) | Cell::Number(_), _) => {}
            }
        }
    }
}

/// Adds without a read-modify-write, because there is one writer.
///
/// Wraps on overflow, which `rate()` in Prometheus takes for a reset.
#[inline]
fn grow(cell: &AtomicU64, by: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(by), Relaxed);
}

// === impl Cell ===

impl Cell {
    fn new(metric: &Metric, fine: FineBuckets) -> Self {
        match metric.instrument {
            Instrument::Histogram { buckets, .. } => Self::Histogram(HistogramCell {
                buckets,
                sum: AtomicU64::new(0),
                counts: std::array::from_fn(|_| AtomicU64::new(0)),
                fine: fine.are_kept_of(metric).then(|| FineCells::new(metric)),
            }),
            Instrument::Counter | Instrument::UpDownCounter | Instrument::Gauge => {
                Self::Number(AtomicU64::new(0))
            }
        }
    }
}

// === impl HistogramCell ===

impl HistogramCell {
    // Always: a call costs a tenth of it.
    #[inline(always)]
    fn record(&self, value: u64) {
        grow(&self.counts[self.buckets.index_of(value)], 1);
        grow(&self.sum, value);
        if let Some(fine) = &self.fine {
            fine.record(value);
        }
    }

    fn add_to(&self, sum: &mut Histogram) {
        sum.sum = sum.sum.wrapping_add(self.sum.load(Relaxed));
        for (count, cell) in sum.counts.iter_mut().zip(&self.counts) {
            *count += cell.load(Relaxed);
        }
        if let Some(fine) = &self.fine {
            fine.add_to(sum);
        }
    }
}

// === impl FineCells ===

impl FineCells {
    fn new(metric: &Metric) -> Box<Self> {
        let is_time = matches!(metric.unit, Unit::Seconds);
        Box::new(Self {
            layout: histogram::layout_of(metric),
            first_octave: if is_time { FIRST_OCTAVE_OF_TIME } else { 0 },
            octaves: [const { OnceLock::new() }; OCTAVES],
        })
    }

    #[inline]
    fn record(&self, value: u64) {
        let first = self.first_octave * PER_OCTAVE;
        let position = self.layout.position(value).saturating_sub(first);
        let position = position.min(OCTAVES * PER_OCTAVE - 1);
        let octave = self.octaves[position / PER_OCTAVE]
            .get_or_init(|| Box::new(std::array::from_fn(|_| AtomicU64::new(0))));
        grow(&octave[position % PER_OCTAVE], 1);
    }

    fn add_to(&self, sum: &mut Histogram) {
        for (number, octave) in self.octaves.iter().enumerate() {
            let Some(octave) = octave.get() else { continue };
            let first = (self.first_octave + number) * PER_OCTAVE;
            for (position, cell) in octave.iter().enumerate() {
                let count = cell.load(Relaxed);
                if 0 < count {
                    *sum.fine.entry(first + position).or_default() += count;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_small_as_the_documentation_says() {
        assert!(size_of::<Cell>() <= 160, "{}", size_of::<Cell>());
        assert!(size_of::<FineCells>() <= 560, "{}", size_of::<FineCells>());
    }
}
