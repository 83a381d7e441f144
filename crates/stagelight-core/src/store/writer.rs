//! A thread's access to its cells.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    catalog::{
        self, Family, Instrument, Label, LabelSet, LabelValue, Measurement, MetricId, TypedFamily,
        TypedLabel, Value, labels::Dropped,
    },
    exemplar::TraceRef,
    random::Random,
    store::{
        BucketRef, Cells, SeriesKey, Shard, Store,
        registry::{MAX_LABEL_KINDS, Numbers},
    },
    symbol::Symbol,
};

/// A thread's own shard, with look-up tables that no other thread sees.
///
/// # Cost
///
/// A recently used series is found by one comparison, another known one by a hash look-up; a known
/// text becomes a symbol by a hash look-up. None of them locks or allocates. The first use of a
/// series or a text on a thread does both.
#[derive(Debug)]
pub(crate) struct Writer {
    shard: Arc<Shard>,
    numbers: Numbers<Family>,
    label_numbers: Numbers<Label>,
    families: Vec<SeriesCache>,
    symbols: [FxHashMap<Arc<str>, Symbol>; MAX_LABEL_KINDS],
    random: Random,
}

/// The series of one family that this thread has used.
#[derive(Debug, Default)]
struct SeriesCache {
    by_key: FxHashMap<SeriesKey, Cells>,
    /// A direct-mapped cache; empty until the family is used. The series of a request nearly always
    /// fit, and a hit costs a sixth of a look into the map.
    recent: Vec<(SeriesKey, Cells)>,
}

/// A family and its number in the registry.
#[derive(Clone, Copy)]
struct FamilyRef {
    family: &'static Family,
    number: usize,
}

/// A family keeps 2^6 recent series.
const RECENT_BITS: u32 = 6;

// === impl Writer ===

impl Writer {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            shard: store.take_shard(),
            numbers: Numbers::new(),
            label_numbers: Numbers::new(),
            families: catalog::ALL.iter().map(|_| SeriesCache::default()).collect(),
            symbols: std::array::from_fn(|_| FxHashMap::default()),
            random: Random::new(),
        }
    }

    /// Gives the shard back, for the next thread.
    pub(crate) fn retire(&self, store: &Store) {
        store.return_shard(Arc::clone(&self.shard));
    }

    /// Records values of one series. With a trace, also offers them as exemplars; returns whether
    /// one was kept.
    #[inline]
    pub(crate) fn record<F: TypedFamily>(
        &mut self,
        store: &Store,
        labels: &F::Labels<'_>,
        values: &[Measurement<F>],
        trace: Option<TraceRef>,
    ) -> bool {
        let key = self.key(store, labels);
        let Some(family) = self.family_ref::<F>(store) else { return false };
        let place = self.place(store, family, key);
        let (admitted, cells) = &self.families[family.number].recent[place];
        cells.record_all(values);
        let Some(trace) = trace else { return false };
        let admitted = *admitted;
        self.offer(store, family, admitted, values, trace)
    }

    /// Adds to a counter or up-down counter.
    #[inline]
    pub(crate) fn add<F: TypedFamily>(
        &mut self,
        store: &Store,
        labels: &F::Labels<'_>,
        metric: MetricId<F>,
        by: i64,
    ) {
        let key = self.key(store, labels);
        let Some(family) = self.family_ref::<F>(store) else { return };
        let place = self.place(store, family, key);
        self.families[family.number].recent[place].1.add(metric.position(), by);
    }

    /// Counts a measurement that was dropped, or recorded as `other`.
    #[cold]
    pub(crate) fn count_dropped(&mut self, store: &Store, reason: Dropped) {
        self.add(store, &(reason.reason(), None), catalog::STAGELIGHT_DROPPED, 1);
    }

    /// Counts a stage that was dropped, by its name.
    #[cold]
    pub(crate) fn count_dropped_stage(&mut self, store: &Store, reason: Dropped, stage: Symbol) {
        let labels = (reason.reason(), Some(stage.into()));
        self.add(store, &labels, catalog::STAGELIGHT_DROPPED, 1);
    }

    /// Returns the symbol of a label's value; that of an empty text is [`Symbol::ABSENT`].
    #[inline]
    pub(crate) fn symbol<L: TypedLabel>(&mut self, store: &Store, value: L) -> Symbol {
        self.symbol_of(store, L::LABEL, value.value())
    }

    // Always: where the value's kind is known, which is nearly everywhere, the match goes.
    #[inline(always)]
    fn symbol_of(&mut self, store: &Store, label: &'static Label, value: LabelValue<'_>) -> Symbol {
        match value.0 {
            Value::Symbol(symbol) => symbol,
            Value::Text("") => Symbol::ABSENT,
            Value::Text(text) => self.intern(store, label, text),
            Value::Known(position) => {
                // Readers find the values of other crates' labels in their tables only.
                if label.index.is_none() && self.label_number(store, label).is_none() {
                    return Symbol::OTHER;
                }
                Symbol::known(usize::from(position))
            }
        }
    }

    #[inline]
    fn intern(&mut self, store: &Store, label: &'static Label, text: &str) -> Symbol {
        let number = self.label_number(store, label);
        if let Some(symbol) = number.and_then(|it| self.symbols[it].get(text)) {
            return *symbol;
        }
        self.intern_first(store, label, text)
    }

    #[inline(never)]
    fn intern_first(&mut self, store: &Store, label: &'static Label, text: &str) -> Symbol {
        let symbol = store.symbols.intern(label, text);
        if symbol != Symbol::OTHER
            && let Some(number) = self.label_number(store, label)
        {
            self.symbols[number].insert(text.into(), symbol);
        } else if text != "other" {
            self.count_dropped(store, Dropped::LabelLimit);
        }
        symbol
    }

    #[inline]
    fn label_number(&mut self, store: &Store, label: &'static Label) -> Option<usize> {
        self.label_numbers.get(label, || store.symbols.number(label))
    }

    /// Returns the key of the series with these labels.
    #[inline(always)]
    fn key<L: LabelSet>(&mut self, store: &Store, labels: &L) -> SeriesKey {
        let mut key = SeriesKey::default();
        labels.for_each(|position, label, value| {
            key = key.with(position, self.symbol_of(store, label, value));
        });
        key
    }

    /// Returns a family with its number. `None`, and counted, if the engine has too many families.
    #[inline(always)]
    fn family_ref<F: TypedFamily>(&mut self, store: &Store) -> Option<FamilyRef> {
        // A constant for this crate's families.
        match const { F::FAMILY.index } {
            Some(number) => Some(FamilyRef { family: F::FAMILY, number }),
            None => self.added_family(store, F::FAMILY),
        }
    }

    #[inline(never)]
    fn added_family(&mut self, store: &Store, family: &'static Family) -> Option<FamilyRef> {
        let number = self.numbers.get(family, || store.families.number(family, |_| ()));
        let Some(number) = number else {
            self.count_dropped(store, Dropped::SeriesLimit);
            return None;
        };
        if self.families.len() <= number {
            self.families.resize_with(number + 1, SeriesCache::default);
        }
        Some(FamilyRef { family, number })
    }

    #[inline(never)]
    fn offer<F: TypedFamily>(
        &mut self,
        store: &Store,
        family: FamilyRef,
        key: SeriesKey,
        values: &[Measurement<F>],
        trace: TraceRef,
    ) -> bool {
        if !store.intervals.has_readers() {
            return false;
        }
        let mut is_kept = false;
        let reservoirs = &mut *self.shard.reservoirs.lock();
        for &Measurement { metric, value } in values {
            let Instrument::Histogram { buckets, .. } = metric.metric().instrument else {
                continue;
            };
            let bucket = BucketRef { metric: metric.position(), bucket: buckets.index_of(value) };
            let series = (family.number, key);
            let random = &mut self.random;
            is_kept |= reservoirs.offer(series, bucket, (value, trace), &store.intervals, random);
        }
        is_kept
    }

    /// Returns the place of a series among the recent ones.
    #[inline]
    fn place(&mut self, store: &Store, family: FamilyRef, key: SeriesKey) -> usize {
        let place = key.spread(RECENT_BITS);
        let recent = self.families[family.number].recent.get(place);
        if recent.is_none_or(|it| it.0 != key) {
            return self.recall(store, family, key);
        }
        place
    }

    /// Puts a series among the recent ones; returns its place there.
    #[inline(never)]
    fn recall(&mut self, store: &Store, family: FamilyRef, key: SeriesKey) -> usize {
        let (key, cells) = match self.families[family.number].by_key.get(&key) {
            Some(cells) => (key, cells.clone()),
            None => self.find(store, family, key),
        };
        let recent = &mut self.families[family.number].recent;
        if recent.is_empty() {
            recent.resize(1 << RECENT_BITS, (SeriesKey::NONE, Cells::none()));
        }
        let place = key.spread(RECENT_BITS);
        recent[place] = (key, cells);
        place
    }

    /// Finds a series in the shard, where the thread's predecessor may have put it, or adds it.
    /// Beyond the cap it is the overflow series.
    #[cold]
    fn find(&mut self, store: &Store, family: FamilyRef, key: SeriesKey) -> (SeriesKey, Cells) {
        let FamilyRef { family, number } = family;
        let admitted = store.admit(family, number, key);
        if admitted != key {
            // Each time: the overflow series is cached under its own key only, because the keys
            // that lead to it have no limit.
            self.count_dropped(store, Dropped::SeriesLimit);
        }
        let cells = {
            let mut series = self.shard.families[number].lock();
            series.entry(admitted).or_insert_with(|| Cells::new(family, store.fine)).clone()
        };
        self.families[number].by_key.insert(admitted, cells.clone());
        (admitted, cells)
    }
}
