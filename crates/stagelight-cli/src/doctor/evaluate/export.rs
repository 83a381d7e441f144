//! Do the service's exports reach the collector, and does it accept them?

mod exporters;
mod failure;

use std::collections::BTreeMap;

use super::{
    outcomes::{Outcomes, number},
    service::requests,
};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::Observations,
};
use exporters::{DATA_POINTS, ServiceExporter, exporters};

/// Evaluates the export, after the collector.
pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let exporters = observations.service.value().map(exporters).unwrap_or_default();
    let outcome = if exporters.iter().all(|it| it.items != DATA_POINTS) {
        without_counters(observations, outcomes)
    } else {
        from_counters(&exporters, observations, outcomes)
    };
    outcomes.put(Check::Export, outcome);
}

/// Evaluates the service's own counters.
fn from_counters(
    exporters: &[ServiceExporter],
    observations: &Observations,
    outcomes: &mut Outcomes,
) -> Outcome {
    let mut blocked_by = None;
    // Metrics and traces to the same address fail for the same reason.
    let mut failing: BTreeMap<(&str, &str), Vec<(&ServiceExporter, f64)>> = BTreeMap::new();
    for exporter in exporters.iter().filter(|it| it.delivered == 0.0) {
        let most = exporter.lost.iter().max_by(|one, two| one.1.total_cmp(two.1));
        let Some((error, count)) = most else { continue };
        match failure::blocker(error, observations, outcomes) {
            Some(check) => blocked_by = Some(check),
            None => failing.entry((error, &exporter.to)).or_default().push((exporter, *count)),
        }
    }
    let findings: Vec<_> = failing
        .iter()
        .filter_map(|((error, _), failing)| failure::finding(failing, error, observations))
        .collect();
    if let (true, Some(check)) = (findings.is_empty(), blocked_by) {
        return Outcome::Blocked(check);
    }
    let has_exported = exporters.iter().any(|it| 0.0 < it.delivered_ever || !it.lost.is_empty());
    if findings.is_empty() && !has_exported {
        // The default export interval is a minute, so a fresh service has not exported yet.
        return match from_probes(observations, outcomes) {
            Outcome::Ok(seen) => Outcome::Ok(format!("the service has not exported yet; {seen}")),
            other => other,
        };
    }
    if findings.is_empty() {
        note_denied_probes(observations, outcomes);
    }
    Outcome::from_findings(findings, || summary(exporters, observations))
}

fn summary(exporters: &[ServiceExporter], observations: &Observations) -> String {
    let watched = number(observations.watched.as_secs_f64());
    let parts: Vec<_> = exporters
        .iter()
        .map(|it| {
            let (count, when) = if 0.0 < it.delivered {
                (it.delivered, format!("within {watched} s"))
            } else {
                (it.delivered_ever, "so far".to_owned())
            };
            format!("{} {} exported to {} {when}", number(count), it.items, it.to)
        })
        .collect();
    parts.join(", ")
}

/// Evaluates a service without metric exporters on its page.
fn without_counters(observations: &Observations, outcomes: &Outcomes) -> Outcome {
    let Some(pair) = observations.service.value() else {
        return from_probes(observations, outcomes);
    };
    let prometheus = observations.prometheus.value();
    match prometheus.map(|it| it.jobs.iter().any(|it| it.is_scraped)) {
        Some(true) => {
            Outcome::Ok("the service does not export over OTLP; Prometheus scrapes it".to_owned())
        }
        Some(false) if 0.0 < requests(&pair.second) => Outcome::broken(
            Finding::new(
                "the service's page shows no OTLP metric exporter, and Prometheus does not scrape \
                 the page",
                "the export is disabled, or the service was built without it",
                "unset OTEL_SDK_DISABLED and OTEL_METRICS_EXPORTER in the service's environment, \
                 and set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's address",
            )
            .with_runbook("ServiceStoppedExporting"),
        ),
        _ => from_probes(observations, outcomes),
    }
}

/// Evaluates the doctor's own empty exports.
fn from_probes(observations: &Observations, outcomes: &Outcomes) -> Outcome {
    let probes = &observations.collector.probes;
    if let Some(accepted) = probes.iter().find(|it| it.is_accepted()) {
        return Outcome::Ok(format!("{} accepts an empty export", accepted.url));
    }
    if let Some(cause) = outcomes.blocker(Check::Collector) {
        return Outcome::Blocked(cause);
    }
    let reachable = probes.iter().find(|it| it.is_reachable() && (it.is_given || it.is_services));
    match reachable.and_then(|it| Some((it, it.failure()?))) {
        Some((probe, error)) => {
            Outcome::broken(failure::finding_for_probe(probe, error, observations))
        }
        None => Outcome::Skipped("no collector; give its address with --collector".to_owned()),
    }
}

/// Notes probes with rejected credentials while the service's own are accepted.
fn note_denied_probes(observations: &Observations, outcomes: &mut Outcomes) {
    let rejected = observations.collector.probes.iter().filter(|it| it.is_given);
    for probe in rejected.filter(|it| !it.is_accepted()) {
        let Some(error) = probe.failure().filter(|it| it.is_access_denied()) else { continue };
        let note = format!(
            "{} rejected our own probe ({error}); set OTEL_EXPORTER_OTLP_HEADERS to the service's \
             value",
            probe.url
        );
        outcomes.note(Check::Export, note);
    }
}
