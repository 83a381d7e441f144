//! Label values with a symbol that is known at compile time, and the group of each stage.

use crate::{
    catalog::labels::Stage,
    stage::{self, Group},
    symbol::Symbol,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

/// Positions in [`stage::WELL_KNOWN`].
pub(crate) const BACKEND_FETCH: Symbol = Symbol::known(0);
pub(crate) const STREAM_PROCESSING: Symbol = Symbol::known(1);
pub(crate) const UNATTRIBUTED: Symbol = Symbol::known(2);

/// The group of each stage, by symbol.
#[derive(Debug)]
pub(crate) struct Groups([AtomicU8; GROUPED]);

/// Symbols 0 and 1, and as many as the label has room for.
const GROUPED: usize = Stage::LABEL.cap + 2;

/// Returns a provider's or model's symbol, or that of `unknown` when it is absent.
pub(crate) fn or_unknown(symbol: Symbol) -> Symbol {
    if symbol == Symbol::ABSENT { Symbol::known(0) } else { symbol }
}

// === impl Groups ===

impl Groups {
    pub(crate) fn new() -> Self {
        let groups = Self(std::array::from_fn(|_| AtomicU8::new(Group::Other as u8)));
        for (position, name) in stage::WELL_KNOWN.into_iter().enumerate() {
            groups.set(Symbol::known(position), Group::of_well_known(name));
        }
        groups
    }

    pub(crate) fn set(&self, stage: Symbol, group: Group) {
        // `other` is many stages at once, so it has no group of its own.
        if stage != Symbol::OTHER
            && let Some(cell) = self.0.get(usize::from(stage.0))
        {
            // It nearly always has this group: the check keeps the cache line shared.
            if cell.load(Relaxed) != group as u8 {
                cell.store(group as u8, Relaxed);
            }
        }
    }

    pub(crate) fn get(&self, stage: Symbol) -> Group {
        let number =
            self.0.get(usize::from(stage.0)).map_or(Group::Other as u8, |it| it.load(Relaxed));
        Group::ALL.into_iter().find(|&it| it as u8 == number).unwrap_or_default()
    }

    pub(crate) fn is_frontend(&self, stage: Symbol) -> bool {
        self.get(stage) == Group::FrontendProcessing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::labels;

    #[test]
    fn stages_that_the_hot_path_compares_with_have_their_symbols() {
        let symbols = [BACKEND_FETCH, STREAM_PROCESSING, UNATTRIBUTED];
        let names = [stage::BACKEND_FETCH, stage::STREAM_PROCESSING, stage::UNATTRIBUTED];
        for (symbol, name) in symbols.into_iter().zip(names) {
            let position = stage::WELL_KNOWN.iter().position(|it| *it == name).unwrap();
            assert_eq!(symbol, Symbol::known(position));
        }
        let unknown = [labels::Provider::LABEL, labels::Model::LABEL].map(|it| it.known[0]);
        assert_eq!(unknown, [labels::UNKNOWN; 2]);
        assert_eq!(or_unknown(Symbol::ABSENT), Symbol::known(0));
    }
}
