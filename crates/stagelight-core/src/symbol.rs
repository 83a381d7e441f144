//! Attribute values as small numbers, so that a series' key is a few bytes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{catalog::Label, sync::RwLock};

/// The longest attribute value that is kept, in bytes; a longer one is `other`.
///
/// Long enough for every route template and type name met in practice, short enough that the caps on values are
/// caps on memory.
const MAX_VALUE_BYTES: usize = 256;

/// An attribute value of one [`Label`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u16);

/// All attribute values seen, by label, up to each label's cap.
#[derive(Debug)]
pub(crate) struct Symbols {
    tables: [RwLock<Table>; Label::ALL.len()],
}

#[derive(Debug)]
struct Table {
    by_value: FxHashMap<Arc<str>, Symbol>,
    values: Vec<Arc<str>>,
}

// === impl Symbol ===

impl Symbol {
    /// The attribute is not there.
    pub(crate) const ABSENT: Self = Self(0);
    /// The attribute has a value that is not told apart.
    pub(crate) const OTHER: Self = Self(1);
}

// === impl Symbols ===

impl Symbols {
    pub(crate) fn new() -> Self {
        Self { tables: std::array::from_fn(|_| RwLock::new(Table::new())) }
    }

    /// Returns the symbol of `value`, or [`Symbol::OTHER`] when it is too long or the label is full.
    pub(crate) fn intern(&self, label: Label, value: &str) -> Symbol {
        let table = &self.tables[label as usize];
        {
            let table = table.read();
            if let Some(symbol) = table.by_value.get(value) {
                return *symbol;
            }
            // Before the write lock, so that a flood of new values does not queue up for it.
            if MAX_VALUE_BYTES < value.len() || table.is_full(label) {
                return Symbol::OTHER;
            }
        }
        table.write().intern(label, value)
    }

    /// Returns the value of a symbol of `label`.
    pub(crate) fn value(&self, label: Label, symbol: Symbol) -> Arc<str> {
        let table = self.tables[label as usize].read();
        Arc::clone(&table.values[usize::from(symbol.0).min(table.values.len() - 1)])
    }
}

// === impl Table ===

impl Table {
    fn new() -> Self {
        let mut table = Self { by_value: FxHashMap::default(), values: Vec::new() };
        table.push("");
        table.push("other");
        table
    }

    fn is_full(&self, label: Label) -> bool {
        label.cap() + 2 <= self.values.len()
    }

    fn intern(&mut self, label: Label, value: &str) -> Symbol {
        // Asked again: another thread may have been here between the locks.
        match self.by_value.get(value) {
            Some(symbol) => *symbol,
            None if self.is_full(label) => Symbol::OTHER,
            None => self.push(value),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a label's cap is far below 65,536")]
    fn push(&mut self, value: &str) -> Symbol {
        let symbol = Symbol(self.values.len() as u16);
        let value: Arc<str> = value.into();
        self.values.push(Arc::clone(&value));
        self.by_value.insert(value, symbol);
        symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_symbol() {
        let symbols = Symbols::new();
        let symbol = symbols.intern(Label::Model, "gpt");
        assert_eq!(symbols.intern(Label::Model, "gpt"), symbol);
        assert_eq!(&*symbols.value(Label::Model, symbol), "gpt");
    }

    #[test]
    fn values_beyond_the_cap_are_other_and_those_before_stay() {
        let symbols = Symbols::new();
        let first = symbols.intern(Label::Reason, "first");
        for number in 0..100 {
            symbols.intern(Label::Reason, &number.to_string());
        }
        assert_eq!(symbols.intern(Label::Reason, "one more"), Symbol::OTHER);
        assert_eq!(symbols.intern(Label::Reason, "first"), first);
    }

    #[test]
    fn an_overlong_value_is_other() {
        let symbols = Symbols::new();
        assert_eq!(symbols.intern(Label::Model, &"x".repeat(MAX_VALUE_BYTES + 1)), Symbol::OTHER);
    }
}
