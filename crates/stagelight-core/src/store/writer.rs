//! A thread's way to its cells.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    catalog::{self, Family, Label},
    store::{Cells, MAX_LABELS, SeriesKey, Shard, Store},
    symbol::Symbol,
};

/// A thread's own shard, with look-up tables that no other thread sees.
///
/// # Cost
///
/// Finding the cells of a known series is one hash look-up; turning a known string into a symbol is another. Neither locks or
/// allocates. The first use of a series or a string on a thread does both.
#[derive(Debug)]
pub(crate) struct Writer {
    shard: Arc<Shard>,
    families: [Known; catalog::ALL.len()],
    symbols: [FxHashMap<Arc<str>, Symbol>; Label::ALL.len()],
}

/// The series of one family that this thread has met.
#[derive(Debug, Default)]
struct Known {
    positions: FxHashMap<SeriesKey, usize>,
    cells: Vec<Arc<Cells>>,
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            shard: store.take_shard(),
            families: std::array::from_fn(|_| Known::default()),
            symbols: std::array::from_fn(|_| FxHashMap::default()),
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
        let position = match self.families[family.index].positions.get(&key) {
            Some(position) => *position,
            None => self.learn(store, family, key),
        };
        &self.families[family.index].cells[position]
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
                self.drop_one(store, "label_limit");
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
        let mut key = [Symbol::ABSENT; MAX_LABELS];
        for ((slot, &label), value) in key.iter_mut().zip(family.labels).zip(values) {
            *slot = self.symbol(store, label, value);
        }
        key
    }

    /// Counts a measurement that could not be kept, or not kept apart.
    #[cold]
    pub(crate) fn drop_one(&mut self, store: &Store, reason: &'static str) {
        let reason = store.symbols.intern(Label::Reason, reason);
        let mut key = SeriesKey::default();
        key[0] = reason;
        self.cells(store, &catalog::DROPPED, key).add(0, 1);
    }

    /// Finds a series in the shard (its last thread may have had it), or adds it; returns its position.
    #[cold]
    fn learn(&mut self, store: &Store, family: &'static Family, key: SeriesKey) -> usize {
        let admitted = store.admit(family, key);
        if admitted != key {
            self.drop_one(store, "series_limit");
            // The overflow series is remembered under its own key only: the others are without limit.
            if let Some(position) = self.families[family.index].positions.get(&admitted) {
                return *position;
            }
        }
        let cells = {
            let mut series = self.shard.families[family.index].lock();
            Arc::clone(series.entry(admitted).or_insert_with(|| Arc::new(Cells::new(family))))
        };
        let known = &mut self.families[family.index];
        known.cells.push(cells);
        known.positions.insert(admitted, known.cells.len() - 1);
        known.cells.len() - 1
    }
}
