//! Judges what was seen. Asks nobody: the same observations always give the same report.
//!
//! A link that is broken makes others fail that are well. So each is judged knowing those that can be its cause, whether they
//! are before it or after it in the outcomes: a collector refuses data because Prometheus is down.

mod service;
mod export;
mod collector;
mod counters;
mod delivery;
mod prometheus;
mod contract;
mod rules;
mod alertmanager;
mod clocks;
mod exemplars;
mod grafana;
mod performance;

use std::collections::BTreeMap;

use super::{
    check::Check,
    finding::Outcome,
    observations::Observations,
    report::{CheckReport, Report},
};

/// What has been found out so far.
#[derive(Debug, Default)]
struct Outcomes {
    outcomes: BTreeMap<Check, Outcome>,
    notes: Vec<(Check, String)>,
}

/// Judges all links but those that are to be left out.
pub(crate) fn evaluate(observations: &Observations, skip: &[Check]) -> Report {
    let mut outcomes = Outcomes::default();
    // First those that can be the cause of others' failures, and have none themselves.
    service::evaluate(observations, &mut outcomes);
    clocks::evaluate(observations, &mut outcomes);
    let server = prometheus::evaluate_server(observations);
    delivery::evaluate(observations, &server, &mut outcomes);
    collector::evaluate(observations, &mut outcomes);
    export::evaluate(observations, &mut outcomes);
    prometheus::evaluate(observations, server, &mut outcomes);
    contract::evaluate(observations, &mut outcomes);
    rules::evaluate(observations, &mut outcomes);
    alertmanager::evaluate(observations, &mut outcomes);
    exemplars::evaluate(observations, &mut outcomes);
    grafana::evaluate(observations, &mut outcomes);

    let mut notes = outcomes.notes;
    let checks = Check::ALL.map(|check| {
        let verdict = match outcomes.outcomes.remove(&check) {
            _ if skip.contains(&check) => Outcome::Skipped("left out by --skip".to_owned()),
            Some(verdict) => verdict,
            None => Outcome::Skipped("nothing is known of it".to_owned()),
        };
        let own = notes.extract_if(.., |it| it.0 == check).map(|it| it.1).collect();
        CheckReport::new(check, verdict, own)
    });
    Report::new(checks.into(), performance::notes(observations))
}

// === impl Outcomes ===

impl Outcomes {
    fn put(&mut self, check: Check, verdict: Outcome) {
        self.outcomes.insert(check, verdict);
    }

    fn note(&mut self, check: Check, text: impl Into<String>) {
        self.notes.push((check, text.into()));
    }

    /// Returns which link's failure shows in a link: itself if it is broken, or the one that keeps it from being judged.
    fn blocker(&self, check: Check) -> Option<Check> {
        match self.outcomes.get(&check)? {
            Outcome::Broken(_) => Some(check),
            Outcome::Blocked(cause) => Some(*cause),
            Outcome::Ok(_) | Outcome::Skipped(_) => None,
        }
    }

    /// Returns the first cause in some links.
    fn first_blocker(&self, checks: &[Check]) -> Option<Check> {
        checks.iter().find_map(|&it| self.blocker(it))
    }
}

/// Writes a count or a number of seconds without more digits than anybody reads.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || 1000.0 <= value.abs() {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests;
