//! The values of all labels, by symbol.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    catalog::Label,
    store::registry::{MAX_LABEL_KINDS, Registry},
    symbol::Symbol,
    sync::RwLock,
};

/// The longest label value in bytes; a longer one is recorded as `other`.
///
/// Route templates and type names are far shorter. With the caps on values it bounds memory.
const MAX_VALUE_BYTES: usize = 256;

/// The values of all labels, up to each label's cap.
#[derive(Debug)]
pub(crate) struct Symbols {
    labels: Registry<Label>,
    tables: [RwLock<Table>; MAX_LABEL_KINDS],
}

#[derive(Debug, Default)]
struct Table {
    by_value: FxHashMap<Arc<str>, Symbol>,
    values: Vec<Arc<str>>,
    /// The most entries in `values`.
    max: usize,
}

// === impl Symbols ===

impl Symbols {
    pub(crate) fn new() -> Self {
        let table = |it: usize| match Label::ALL.get(it) {
            Some(label) => Table::new(label),
            None => Table::default(),
        };
        Self { labels: Registry::new(), tables: std::array::from_fn(|it| RwLock::new(table(it))) }
    }

    /// Returns the number of a label; `None` if there are too many.
    pub(super) fn number(&self, label: &'static Label) -> Option<usize> {
        self.labels.number(label, |number| *self.tables[number].write() = Table::new(label))
    }

    /// Returns the symbol of `value`; [`Symbol::OTHER`] if it is too long or the label is full.
    pub(crate) fn intern(&self, label: &'static Label, value: &str) -> Symbol {
        let Some(number) = self.number(label) else { return Symbol::OTHER };
        let table = &self.tables[number];
        {
            let table = table.read();
            if let Some(symbol) = table.by_value.get(value) {
                return *symbol;
            }
            // Before the write lock, so that a flood of new values does not queue up for it.
            if MAX_VALUE_BYTES < value.len() || table.is_full() {
                return Symbol::OTHER;
            }
        }
        table.write().intern(value)
    }

    /// Returns the value of a symbol of `label`.
    pub(crate) fn value(&self, label: &'static Label, symbol: Symbol) -> Arc<str> {
        let number = self.number(label);
        let values = number.map(|it| self.tables[it].read());
        let value = values.as_ref().and_then(|it| it.values.get(usize::from(symbol.0)));
        // Of a label beyond the registry's limit, values are absent or other.
        value.cloned().unwrap_or_else(|| if symbol == Symbol::ABSENT { "" } else { "other" }.into())
    }
}

// === impl Table ===

impl Table {
    fn new(label: &Label) -> Self {
        let mut table = Self { max: label.cap + 2, ..Self::default() };
        for value in ["", "other"].iter().chain(label.known) {
            table.push(value);
        }
        table
    }

    fn is_full(&self) -> bool {
        self.max <= self.values.len()
    }

    fn intern(&mut self, value: &str) -> Symbol {
        // Another thread may have added it between the locks.
        match self.by_value.get(value) {
            Some(symbol) => *symbol,
            None if self.is_full() => Symbol::OTHER,
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
    use crate::catalog::{
        TypedLabel,
        labels::{Model, Reason},
    };

    fn intern<L: TypedLabel>(symbols: &Symbols, value: &str) -> Symbol {
        symbols.intern(L::LABEL, value)
    }

    #[test]
    fn a_value_keeps_its_symbol() {
        let symbols = Symbols::new();
        let symbol = intern::<Model<'_>>(&symbols, "gpt");
        assert_eq!(intern::<Model<'_>>(&symbols, "gpt"), symbol);
        assert_eq!(&*symbols.value(Model::LABEL, symbol), "gpt");
    }

    #[test]
    fn values_beyond_the_cap_are_other_and_earlier_ones_stay() {
        let symbols = Symbols::new();
        let first = intern::<Reason<'_>>(&symbols, "first");
        for number in 0..100 {
            intern::<Reason<'_>>(&symbols, &number.to_string());
        }
        assert_eq!(intern::<Reason<'_>>(&symbols, "one more"), Symbol::OTHER);
        assert_eq!(intern::<Reason<'_>>(&symbols, "first"), first);
    }

    #[test]
    fn an_overlong_value_is_other() {
        let symbols = Symbols::new();
        let value = "x".repeat(MAX_VALUE_BYTES + 1);
        assert_eq!(intern::<Model<'_>>(&symbols, &value), Symbol::OTHER);
    }

    #[test]
    fn known_values_have_their_symbols_from_the_start() {
        let symbols = Symbols::new();
        for label in Label::ALL {
            for (position, value) in label.known.iter().enumerate() {
                let symbol = symbols.intern(label, value);
                assert_eq!(symbol, Symbol::known(position), "{value}");
            }
        }
    }
}
