//! Symbols that exist from the start, and which group each stage is in.

use crate::{
    catalog::Label,
    outcome::Outcome,
    stage::{self, Group},
    symbol::{Symbol, Symbols},
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

pub(crate) const BACKEND_FETCH: Symbol = Symbol(2);
pub(crate) const STREAM_PROCESSING: Symbol = Symbol(3);
pub(crate) const UNATTRIBUTED: Symbol = Symbol(4);

/// The stages in the order of their symbols, from 2 on: 0 and 1 are taken in every label.
const STAGES: [&str; 6] = [
    stage::BACKEND_FETCH,
    stage::STREAM_PROCESSING,
    stage::UNATTRIBUTED,
    stage::REQUEST_PARSING,
    stage::AUTH_VALIDATION,
    stage::REQUEST_PREPARATION,
];
/// Stands in for a provider or model that the span does not tell.
const UNKNOWN: &str = "unknown";
const UNKNOWN_BACKEND: Symbol = Symbol(2);

/// Why this crate drops a measurement; other crates have reasons of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    /// A stage whose span is in no request.
    OutsideRequest,
    /// A stage of a request that has as many open as are kept.
    TooManyStages,
    /// A request while as many are open as there are records.
    TooManyRequests,
    /// An attribute value beyond its label's cap: counted as `other`, and here.
    LabelLimit,
    /// A series beyond its family's cap: counted in the overflow series, and here.
    SeriesLimit,
}

/// The group of each stage, by symbol.
#[derive(Debug)]
pub(crate) struct Groups([AtomicU8; GROUPED]);

/// Symbols 0 and 1, and as many as the label has room for.
const GROUPED: usize = Label::Stage.cap() + 2;

/// Gives the well-known values their symbols in a store that has none yet.
pub(crate) fn intern(symbols: &Symbols) {
    for name in STAGES {
        symbols.intern(Label::Stage, name);
    }
    for outcome in Outcome::ALL {
        symbols.intern(Label::Outcome, outcome.as_str());
    }
    for reason in Dropped::ALL {
        symbols.intern(Label::Reason, reason.as_str());
    }
    symbols.intern(Label::Provider, UNKNOWN);
    symbols.intern(Label::Model, UNKNOWN);
}

/// Returns a provider's or model's symbol, or that of `unknown` when it is absent.
pub(crate) fn or_unknown(symbol: Symbol) -> Symbol {
    if symbol == Symbol::ABSENT { UNKNOWN_BACKEND } else { symbol }
}

pub(crate) const fn outcome(outcome: Outcome) -> Symbol {
    Symbol(outcome as u16 + 2)
}

/// A symbol from the start, so that to count what went wrong cannot itself go wrong.
pub(crate) const fn dropped(reason: Dropped) -> Symbol {
    Symbol(reason as u16 + 2)
}

// === impl Dropped ===

impl Dropped {
    const ALL: [Self; 5] = [
        Self::OutsideRequest,
        Self::TooManyStages,
        Self::TooManyRequests,
        Self::LabelLimit,
        Self::SeriesLimit,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::OutsideRequest => "outside_request",
            Self::TooManyStages => "too_many_stages",
            Self::TooManyRequests => "too_many_requests",
            Self::LabelLimit => "label_limit",
            Self::SeriesLimit => "series_limit",
        }
    }
}

// === impl Groups ===

impl Groups {
    pub(crate) fn new(symbols: &Symbols) -> Self {
        let groups = Self(std::array::from_fn(|_| AtomicU8::new(Group::Other as u8)));
        for name in STAGES {
            groups.set(symbols.intern(Label::Stage, name), Group::of_well_known(name));
        }
        groups
    }

    pub(crate) fn set(&self, stage: Symbol, group: Group) {
        // `other` is many stages at once, so it stays in no particular group.
        if stage != Symbol::OTHER
            && let Some(cell) = self.0.get(usize::from(stage.0))
        {
            // Nearly always the same again: a look keeps the cache line shared.
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

    #[test]
    fn well_known_values_have_the_symbols_that_the_hot_path_compares_with() {
        let symbols = Symbols::new();
        intern(&symbols);
        let stage = |name| symbols.intern(Label::Stage, name);
        assert_eq!(stage(stage::BACKEND_FETCH), BACKEND_FETCH);
        assert_eq!(stage(stage::STREAM_PROCESSING), STREAM_PROCESSING);
        assert_eq!(stage(stage::UNATTRIBUTED), UNATTRIBUTED);
        assert_eq!(symbols.intern(Label::Provider, UNKNOWN), UNKNOWN_BACKEND);
        assert_eq!(symbols.intern(Label::Model, UNKNOWN), UNKNOWN_BACKEND);
        for it in Outcome::ALL {
            assert_eq!(symbols.intern(Label::Outcome, it.as_str()), outcome(it));
        }
        for it in Dropped::ALL {
            assert_eq!(symbols.intern(Label::Reason, it.as_str()), dropped(it));
        }
    }
}
