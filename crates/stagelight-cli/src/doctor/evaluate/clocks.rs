//! Do all clocks agree?

use super::outcomes::{Outcomes, number};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::Observations,
};

/// Allowed difference in seconds, more than the error of a `Date` header; rates and alerts
/// tolerate it.
const TOLERANCE: f64 = 5.0;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let prometheus = observations.prometheus.value();
    // Prometheus returns milliseconds, its `Date` header whole seconds.
    let exact = prometheus.and_then(|it| it.time).map(|(theirs, ours)| theirs - ours);
    let ahead: Vec<(&str, f64)> = [
        ("the service", observations.service.clock_ahead),
        ("the collector", observations.collector.metrics.clock_ahead),
        ("Prometheus", exact.or(observations.prometheus.clock_ahead)),
        ("Grafana", observations.grafana.clock_ahead),
    ]
    .into_iter()
    .filter_map(|(server, ahead)| Some((server, ahead?)))
    .collect();
    if ahead.is_empty() {
        let reason = "no server returned its time".to_owned();
        outcomes.put(Check::Clocks, Outcome::Skipped(reason));
        return;
    }
    let mut findings: Vec<_> = ahead
        .iter()
        .filter(|(_, it)| TOLERANCE < it.abs())
        .map(|(server, it)| {
            skewed(&format!("the clock of {server} is {} this machine's", offset(*it)))
        })
        .collect();
    let future = prometheus.and_then(|it| Some(it.jobs.first()?.newest - it.time?.0));
    if let Some(future) = future.filter(|it| TOLERANCE < *it) {
        let seconds = number(future.round());
        findings.push(skewed(&format!("the newest sample is {seconds} s in Prometheus' future")));
    }
    let most = ahead.iter().map(|it| it.1.abs()).fold(0.0, f64::max);
    let outcome = Outcome::from_findings(findings, || {
        format!("{} clocks within {} s of this machine's", ahead.len(), number(most.ceil()))
    });
    outcomes.put(Check::Clocks, outcome);
}

fn skewed(seen: &str) -> Finding {
    Finding::new(
        seen,
        "samples have the service's timestamps, and queries use Prometheus' time: skewed samples \
         are late, rejected or not found",
        "synchronize that machine's clock: `timedatectl set-ntp true`, or chrony",
    )
}

fn offset(ahead: f64) -> String {
    let seconds = number(ahead.abs().round());
    if ahead < 0.0 { format!("{seconds} s behind") } else { format!("{seconds} s ahead of") }
}
