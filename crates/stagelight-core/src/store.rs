//! Where values go: cells that only one thread writes, and that readers sum.
//!
//! Each thread that records has a [`Shard`]; nobody else writes it, so a write is a relaxed load and a relaxed store, with no
//! read-modify-write and no cache line shared between threads. A reader adds the shards up. Nothing is ever
//! reset: values are cumulative, so any number of readers can look. When a thread ends, its shard stays, and the next new
//! thread continues it: the number of shards is the largest number of threads that ever lived at once.

mod series_key;
mod cells;
mod exemplars;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    catalog::{self, Family},
    clock::Clock,
    exemplar::Exemplar,
    fine::FineBuckets,
    random::Random,
    snapshot::{Point, Series, Snapshot},
    symbol::{Symbol, Symbols},
    sync::Mutex,
};
use exemplars::{Collected, Intervals, Reservoirs};

pub(crate) use cells::Cells;
pub(crate) use exemplars::{BucketRef, SampledValue};
pub(crate) use series_key::{MAX_LABELS, SeriesKey};
pub(crate) use writer::Writer;

/// The most series that a family keeps apart; more are counted in one whose attributes are all `other`.
///
/// OpenTelemetry's default for one instrument.
pub(crate) const MAX_SERIES: usize = 2000;

type BySeries = FxHashMap<SeriesKey, Cells>;
type Sums = BTreeMap<SeriesKey, Vec<Point>>;

/// All values of one engine.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) symbols: Symbols,
    /// The series of each family that any thread has, to hold [`MAX_SERIES`].
    known: [Mutex<FxHashSet<SeriesKey>>; catalog::ALL.len()],
    shards: Mutex<Shards>,
    pub(crate) intervals: Intervals,
    fine: FineBuckets,
}

/// The cells that one thread writes, as readers find them.
#[derive(Debug)]
pub(crate) struct Shard {
    families: [Mutex<BySeries>; catalog::ALL.len()],
    reservoirs: Mutex<Reservoirs>,
}

#[derive(Debug, Default)]
struct Shards {
    all: Vec<Arc<Shard>>,
    idle: Vec<Arc<Shard>>,
}

// === impl Store ===

impl Store {
    pub(crate) fn new(fine: FineBuckets) -> Self {
        Self {
            symbols: Symbols::new(),
            known: std::array::from_fn(|_| Mutex::default()),
            shards: Mutex::default(),
            intervals: Intervals::new(),
            fine,
        }
    }

    /// Returns a shard for the calling thread alone.
    fn take_shard(&self) -> Arc<Shard> {
        let mut shards = self.shards.lock();
        if let Some(shard) = shards.idle.pop() {
            return shard;
        }
        let shard = Arc::new(Shard {
            families: std::array::from_fn(|_| Mutex::default()),
            reservoirs: Mutex::default(),
        });
        shards.all.push(Arc::clone(&shard));
        shard
    }

    /// Takes back the shard of a thread that ends; its values stay.
    fn return_shard(&self, shard: Arc<Shard>) {
        self.shards.lock().idle.push(shard);
    }

    /// Returns `key`, or the overflow series' key when the family has its fill of others.
    fn admit(&self, family: &'static Family, key: SeriesKey) -> SeriesKey {
        let mut known = self.known[family.index].lock();
        if known.contains(&key) || known.len() < MAX_SERIES {
            known.insert(key);
            return key;
        }
        overflow_key(family)
    }

    /// Ends a reader's interval, and returns the exemplars that were kept in it.
    pub(crate) fn collect_exemplars(&self, reader: usize, random: &mut Random) -> Collected {
        let interval = self.intervals.next(reader);
        let shards = self.shards.lock().all.clone();
        let mut collected = Collected::default();
        for shard in shards {
            let reservoirs = &mut *shard.reservoirs.lock();
            reservoirs.collect((reader, interval), &mut collected, &self.intervals, random);
        }
        collected
    }

    /// Sums all shards. The exemplars must have been collected before, so that their values are counted.
    pub(crate) fn snapshot(&self, exemplars: &Collected, clock: &Clock) -> Snapshot {
        let shards = self.shards.lock().all.clone();
        let series = catalog::ALL.iter().flat_map(|family| {
            let mut sums = sums_of(family, &shards);
            for (key, points) in &mut sums {
                let samples = exemplars.get(&(family.index, *key));
                samples.into_iter().flatten().for_each(|it| show_exemplar(points, it, clock));
            }
            self.series(family, sums)
        });
        Snapshot { series: series.collect() }
    }

    fn series(&self, family: &'static Family, sums: Sums) -> Vec<Series> {
        let mut series: Vec<_> = sums
            .into_iter()
            .map(|(key, points)| {
                let values = family.labels.iter().enumerate();
                let values = values.map(|(at, &label)| self.symbols.value(label, key.symbol(at)));
                Series { family, values: values.collect(), points }
            })
            .collect();
        series.sort_by(|left, right| left.values.cmp(&right.values));
        series
    }
}

fn sums_of(family: &'static Family, shards: &[Arc<Shard>]) -> Sums {
    let mut sums = Sums::new();
    for shard in shards {
        // Copied out, so that a thread that meets a new series does not wait for a reader.
        let cells: Vec<_> = {
            let series = shard.families[family.index].lock();
            series.iter().map(|(key, cells)| (*key, cells.clone())).collect()
        };
        for (key, cells) in cells {
            cells.add_to(sums.entry(key).or_insert_with(|| cells::empty_points(family)));
        }
    }
    sums
}

fn show_exemplar(points: &mut [Point], (at, sample): &(BucketRef, SampledValue), clock: &Clock) {
    if let Some(Point::Histogram(histogram)) = points.get_mut(at.metric) {
        let age = clock.since(sample.trace.at);
        histogram.exemplars.push(Exemplar {
            bucket: at.bucket,
            value: histogram.metric.unit.export(sample.value),
            trace_id: sample.trace.trace_id,
            span_id: sample.trace.span_id,
            age,
        });
        histogram.exemplars.sort_by_key(|it| it.bucket);
    }
}

/// Returns the key of the series that holds what is not told apart.
fn overflow_key(family: &Family) -> SeriesKey {
    let mut symbols = [Symbol::ABSENT; MAX_LABELS];
    symbols[..family.labels.len()].fill(Symbol::OTHER);
    SeriesKey::new(symbols)
}

#[cfg(test)]
mod tests;
#[cfg(all(test, stagelight_model))]
mod model;
