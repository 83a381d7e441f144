//! The outcomes of the checks so far.

use std::collections::BTreeMap;

use crate::doctor::check::{Check, Outcome};

/// The outcomes of the checks so far, with their notes.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    outcomes: BTreeMap<Check, Outcome>,
    notes: Vec<(Check, String)>,
}

// === impl Outcomes ===

impl Outcomes {
    pub(super) fn put(&mut self, check: Check, outcome: Outcome) {
        self.outcomes.insert(check, outcome);
    }

    pub(super) fn note(&mut self, check: Check, text: impl Into<String>) {
        self.notes.push((check, text.into()));
    }

    /// Removes the outcome and the notes of a check.
    pub(super) fn take(&mut self, check: Check) -> (Option<Outcome>, Vec<String>) {
        let notes = self.notes.extract_if(.., |it| it.0 == check).map(|it| it.1).collect();
        (self.outcomes.remove(&check), notes)
    }

    /// Returns the check itself if it is broken, or the broken check that blocks it.
    pub(super) fn blocker(&self, check: Check) -> Option<Check> {
        match self.outcomes.get(&check)? {
            Outcome::Broken(_) => Some(check),
            Outcome::Blocked(by) => Some(*by),
            Outcome::Ok(_) | Outcome::Skipped(_) => None,
        }
    }

    /// Returns the first blocker of these checks.
    pub(super) fn first_blocker(&self, checks: &[Check]) -> Option<Check> {
        checks.iter().find_map(|&it| self.blocker(it))
    }

    /// Returns the outcome of a check that needs Prometheus' API, when it does not respond.
    pub(super) fn without_prometheus(&self) -> Outcome {
        self.blocker(Check::Prometheus)
            .map_or_else(|| Outcome::Skipped("needs Prometheus".to_owned()), Outcome::Blocked)
    }
}

/// Formats a count or a number of seconds, with at most two decimals.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 || 1000.0 <= value.abs() {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
