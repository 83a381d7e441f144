//! Do all clocks agree?

use super::{Outcomes, number};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    observations::Observations,
};

/// How far clocks may be apart, in seconds: HTTP tells whole seconds, and an answer takes some of its own. Rates and alerts bear it.
const TOLERANCE: f64 = 5.0;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let prometheus = observations.prometheus.value();
    // Prometheus tells its time to the millisecond; the header would be whole seconds.
    let exact = prometheus.and_then(|it| it.time).map(|(theirs, ours)| theirs - ours);
    let ahead: Vec<(&str, f64)> = [
        ("the service", observations.service.clock_ahead),
        ("the collector", observations.collector.metrics.clock_ahead),
        ("Prometheus", exact.or(observations.prometheus.clock_ahead)),
        ("Grafana", observations.grafana.clock_ahead),
    ]
    .into_iter()
    .filter_map(|(who, ahead)| Some((who, ahead?)))
    .collect();
    if ahead.is_empty() {
        let reason = "nobody told the time".to_owned();
        outcomes.put(Check::Clocks, Outcome::Skipped(reason));
        return;
    }
    let mut findings: Vec<_> = ahead
        .iter()
        .filter(|(_, it)| TOLERANCE < it.abs())
        .map(|(who, it)| apart(&format!("the clock of {who} is {} this machine's", offset(*it))))
        .collect();
    let future = prometheus.and_then(|it| Some(it.jobs.first()?.newest - it.time?.0));
    if let Some(future) = future.filter(|it| TOLERANCE < *it) {
        findings.push(apart(&format!(
            "the newest sample is from {} s in Prometheus' future",
            number(future.round())
        )));
    }
    let most = ahead.iter().map(|it| it.1.abs()).fold(0.0, f64::max);
    let verdict = Outcome::from_findings(findings, || {
        format!("{} clocks within {} s of this machine's", ahead.len(), number(most.ceil()))
    });
    outcomes.put(Check::Clocks, verdict);
}

fn apart(seen: &str) -> Finding {
    Finding::new(
        seen,
        "samples carry the service's time and are looked for by Prometheus': those from elsewhen are late, rejected or not found",
        "synchronise the clocks: `timedatectl set-ntp true`, or chrony, on the machine in question",
    )
}

fn offset(ahead: f64) -> String {
    let seconds = number(ahead.abs().round());
    if ahead < 0.0 { format!("{seconds} s behind") } else { format!("{seconds} s ahead of") }
}
