//! The store: cells that one thread writes, and that readers sum.
//!
//! Each thread that records has a [`Shard`] that no other thread writes. A write is a relaxed load
//! and a relaxed store: no read-modify-write, and no cache line shared between threads. A reader
//! adds the shards up. Values are cumulative and never reset, so there can be any number of
//! readers. The shard of a thread that ends stays, and the next new thread continues it: there are
//! as many shards as threads that ever recorded at once.

mod series_key;
mod registry;
mod symbols;
mod cells;
mod exemplars;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    catalog::Family,
    clock::Clock,
    exemplar::Exemplar,
    fine::FineBuckets,
    random::Random,
    snapshot::{Point, Series, Snapshot},
    symbol::Symbol,
    sync::Mutex,
};
use exemplars::{Collected, Intervals, Reservoirs};
use registry::{MAX_FAMILIES, Registry};
use symbols::Symbols;

pub(crate) use cells::Cells;
pub(crate) use exemplars::{BucketRef, SampledValue};
pub(crate) use series_key::SeriesKey;
pub(crate) use writer::Writer;

/// The most series of a family; further ones are recorded in one with all labels `other`.
///
/// OpenTelemetry's default for one instrument.
pub(crate) const MAX_SERIES: usize = 2000;

type BySeries = FxHashMap<SeriesKey, Cells>;
type Sums = BTreeMap<SeriesKey, Vec<Point>>;

/// All values of one engine. Arrays are indexed by the family's number in the registry.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) symbols: Symbols,
    families: Registry<Family>,
    /// The series of each family on any thread, to enforce [`MAX_SERIES`].
    known: [Mutex<FxHashSet<SeriesKey>>; MAX_FAMILIES],
    shards: Mutex<Shards>,
    pub(crate) intervals: Intervals,
    fine: FineBuckets,
}

/// The cells that one thread writes, as readers find them.
#[derive(Debug)]
pub(crate) struct Shard {
    families: [Mutex<BySeries>; MAX_FAMILIES],
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
            families: Registry::new(),
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

    /// Returns `key`, or the overflow series' key if the family has the most series.
    fn admit(&self, family: &Family, number: usize, key: SeriesKey) -> SeriesKey {
        let mut known = self.known[number].lock();
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

    /// Sums all shards. Exemplars must be collected before, so that their values are included.
    pub(crate) fn snapshot(&self, exemplars: &Collected, clock: &Clock) -> Snapshot {
        let shards = self.shards.lock().all.clone();
        let families = self.families.all().into_iter().enumerate();
        let series = families.flat_map(|(number, family)| {
            let mut sums = sums_of(family, number, &shards);
            for (key, points) in &mut sums {
                let kept = exemplars.get(&(number, *key));
                kept.into_iter().flatten().for_each(|it| show_exemplar(points, it, clock));
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

fn sums_of(family: &'static Family, number: usize, shards: &[Arc<Shard>]) -> Sums {
    let mut sums = Sums::new();
    for shard in shards {
        // Copied out, so that a thread with a new series does not wait for a reader.
        let cells: Vec<_> = {
            let series = shard.families[number].lock();
            series.iter().map(|(key, cells)| (*key, cells.clone())).collect()
        };
        for (key, cells) in cells {
            cells.add_to(sums.entry(key).or_insert_with(|| Point::empty(family)));
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

/// Returns the key of the series for values beyond the family's cap.
fn overflow_key(family: &Family) -> SeriesKey {
    let positions = 0..family.labels.len();
    positions.fold(SeriesKey::default(), |key, position| key.with(position, Symbol::OTHER))
}

#[cfg(test)]
mod tests;
#[cfg(all(test, stagelight_model))]
mod model;
