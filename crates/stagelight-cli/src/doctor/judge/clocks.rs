//! Do all clocks agree?

use super::{Chain, number};
use crate::doctor::{
    facts::Facts,
    finding::{Finding, Verdict},
    link::Link,
};

/// How far clocks may be apart, in seconds: HTTP tells whole seconds, and an answer takes some of its own. Rates and alerts bear it.
const TOLERANCE: f64 = 5.0;

pub(super) fn judge(facts: &Facts, chain: &mut Chain) {
    let prometheus = facts.prometheus.facts();
    // Prometheus tells its time to the millisecond; the header would be whole seconds.
    let exact = prometheus.and_then(|it| it.time).map(|(theirs, ours)| theirs - ours);
    let ahead: Vec<(&str, f64)> = [
        ("the service", facts.service.clock_ahead),
        ("the collector", facts.collector.metrics.clock_ahead),
        ("Prometheus", exact.or(facts.prometheus.clock_ahead)),
        ("Grafana", facts.grafana.clock_ahead),
    ]
    .into_iter()
    .filter_map(|(who, ahead)| Some((who, ahead?)))
    .collect();
    if ahead.is_empty() {
        let reason = "nobody told the time".to_owned();
        chain.put(Link::Clocks, Verdict::Skipped(reason));
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
    let verdict = Verdict::of(findings, || {
        format!("{} clocks within {} s of this machine's", ahead.len(), number(most.ceil()))
    });
    chain.put(Link::Clocks, verdict);
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
