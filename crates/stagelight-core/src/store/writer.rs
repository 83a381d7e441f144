//! A thread's way to its cells.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    catalog::{self, Family, Instrument, Label},
    exemplar::TraceRef,
    random::Random,
    store::{BucketRef, Cells, MAX_LABELS, SeriesKey, Shard, Store},
    symbol::Symbol,
    well_known::{self, Dropped},
};

/// A thread's own shard, with look-up tables that no other thread sees.
///
/// # Cost
///
/// Finding the cells of a series used lately is one comparison, of another known one a hash look-up; turning a known string into
/// a symbol is a hash look-up. None of them locks or allocates. The first use of a series or a string on a thread does both.
#[derive(Debug)]
pub(crate) struct Writer {
    shard: Arc<Shard>,
    families: [SeriesCache; catalog::ALL.len()],
    symbols: [FxHashMap<Arc<str>, Symbol>; Label::ALL.len()],
    random: Random,
}

/// The series of one family that this thread has met.
#[derive(Debug, Default)]
struct SeriesCache {
    by_key: FxHashMap<SeriesKey, Cells>,
    /// Each at the place that its key says; empty until the family is used. A request's series nearly always all fit, and a
    /// look here costs a sixth of a look into the map.
    recent: Vec<(SeriesKey, Cells)>,
}

/// A family keeps 2^6 recent series.
const RECENT_BITS: u32 = 6;

// === impl Writer ===

impl Writer {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            shard: store.take_shard(),
            families: std::array::from_fn(|_| SeriesCache::default()),
            symbols: std::array::from_fn(|_| FxHashMap::default()),
            random: Random::new(),
        }
    }

    /// Gives the shard back, for the next thread.
    pub(crate) fn retire(&self, store: &Store) {
        store.return_shard(Arc::clone(&self.shard));
    }

    /// Returns the cells of a series.
    #[inline]
    pub(crate) fn cells(
        &mut self,
        store: &Store,
        family: &'static Family,
        key: SeriesKey,
    ) -> &Cells {
        let place = self.place(store, family, key);
        &self.families[family.index].recent[place].1
    }

    /// Records values of one series, by position, and offers them as exemplars if they come from a recorded trace. Returns whether one
    /// was kept.
    #[inline]
    pub(crate) fn record(
        &mut self,
        store: &Store,
        family: &'static Family,
        key: SeriesKey,
        values: &[(usize, u64)],
        trace: Option<TraceRef>,
    ) -> bool {
        let place = self.place(store, family, key);
        let (admitted, cells) = &self.families[family.index].recent[place];
        cells.record_all(values);
        let Some(trace) = trace else { return false };
        let admitted = *admitted;
        self.offer(store, family, admitted, values, trace)
    }

    #[inline(never)]
    fn offer(
        &mut self,
        store: &Store,
        family: &'static Family,
        key: SeriesKey,
        values: &[(usize, u64)],
        trace: TraceRef,
    ) -> bool {
        if !store.intervals.has_readers() {
            return false;
        }
        let mut is_kept = false;
        let reservoirs = &mut *self.shard.reservoirs.lock();
        for &(metric, value) in values {
            let Some(Instrument::Histogram { buckets, .. }) =
                family.metrics.get(metric).map(|it| it.instrument)
            else {
                continue;
            };
            let bucket = BucketRef { metric, bucket: buckets.index_of(value) };
            let series = (family.index, key);
            let random = &mut self.random;
            is_kept |= reservoirs.offer(series, bucket, (value, trace), &store.intervals, random);
        }
        is_kept
    }

    /// Returns the place of a series among the recent ones.
    #[inline]
    fn place(&mut self, store: &Store, family: &'static Family, key: SeriesKey) -> usize {
        let place = key.spread(RECENT_BITS);
        let recent = self.families[family.index].recent.get(place);
        if recent.is_none_or(|it| it.0 != key) {
            return self.recall(store, family, key);
        }
        place
    }

    /// Returns the symbol of an attribute's value; that of the empty string is [`Symbol::ABSENT`].
    #[inline]
    pub(crate) fn symbol(&mut self, store: &Store, label: Label, value: &str) -> Symbol {
        if value.is_empty() {
            return Symbol::ABSENT;
        }
        if let Some(symbol) = self.symbols[label as usize].get(value) {
            return *symbol;
        }
        let symbol = store.symbols.intern(label, value);
        if symbol == Symbol::OTHER {
            if value != "other" {
                self.count_dropped(store, Dropped::LabelLimit);
            }
        } else {
            self.symbols[label as usize].insert(value.into(), symbol);
        }
        symbol
    }

    /// Returns the key of the series with these values, in the family's order.
    pub(crate) fn key(
        &mut self,
        store: &Store,
        family: &'static Family,
        values: &[&str],
    ) -> SeriesKey {
        let mut symbols = [Symbol::ABSENT; MAX_LABELS];
        for ((symbol, &label), value) in symbols.iter_mut().zip(family.labels).zip(values) {
            *symbol = self.symbol(store, label, value);
        }
        SeriesKey::new(symbols)
    }

    /// Counts a measurement that could not be kept, or not kept apart.
    #[cold]
    pub(crate) fn count_dropped(&mut self, store: &Store, reason: Dropped) {
        let key = SeriesKey::new([well_known::dropped(reason)]);
        self.cells(store, &catalog::DROPPED, key).add(0, 1);
    }

    /// Puts a series among the recent ones; returns its place there.
    #[inline(never)]
    fn recall(&mut self, store: &Store, family: &'static Family, key: SeriesKey) -> usize {
        let (key, cells) = match self.families[family.index].by_key.get(&key) {
            Some(cells) => (key, cells.clone()),
            None => self.learn(store, family, key),
        };
        let recent = &mut self.families[family.index].recent;
        if recent.is_empty() {
            recent.resize(1 << RECENT_BITS, (SeriesKey::NONE, Cells::none()));
        }
        let place = key.spread(RECENT_BITS);
        recent[place] = (key, cells);
        place
    }

    /// Finds a series in the shard (its last thread may have had it), or adds it. Beyond the cap, that is the overflow series.
    #[cold]
    fn learn(
        &mut self,
        store: &Store,
        family: &'static Family,
        key: SeriesKey,
    ) -> (SeriesKey, Cells) {
        let admitted = store.admit(family, key);
        if admitted != key {
            // Each time: the overflow series is remembered under its own key only, as the others are without limit.
            self.count_dropped(store, Dropped::SeriesLimit);
        }
        let cells = {
            let mut series = self.shard.families[family.index].lock();
            series.entry(admitted).or_insert_with(|| Cells::new(family, store.fine)).clone()
        };
        self.families[family.index].by_key.insert(admitted, cells.clone());
        (admitted, cells)
    }
}
