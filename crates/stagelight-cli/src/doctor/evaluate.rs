//! Evaluates the observations. No I/O: the same observations always give the same report.
//!
//! A broken check makes others fail that are healthy themselves. Checks run in the order of their
//! possible causes, which is not the order of the data flow: a collector refuses data because
//! Prometheus is down.

mod outcomes;
mod service;
mod counters;
mod delivery;
mod collector;
mod export;
mod prometheus;
mod contract;
mod rules;
mod alertmanager;
mod clocks;
mod exemplars;
mod grafana;
mod performance;

use super::{
    check::{Check, Outcome},
    observations::Observations,
    report::{CheckReport, Report},
};
use outcomes::Outcomes;

/// Runs all checks except the skipped ones, which still explain the failures of others.
pub(crate) fn evaluate(observations: &Observations, skip: &[Check]) -> Report {
    let mut outcomes = Outcomes::default();
    // Possible causes first.
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

    let checks = Check::ALL.map(|check| {
        let (outcome, notes) = outcomes.take(check);
        let outcome = match outcome {
            _ if skip.contains(&check) => Outcome::Skipped("excluded by --skip".to_owned()),
            Some(outcome) => outcome,
            None => Outcome::Skipped("no data".to_owned()),
        };
        CheckReport::new(check, outcome, notes)
    });
    Report::new(checks.into(), performance::notes(observations))
}

#[cfg(test)]
mod tests;
