//! Does what the service exports reach the collector, and is it let in?

mod failure;

use std::collections::BTreeMap;

use super::{Outcomes, number, service::requests};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    http::ProbeError,
    observations::{Observations, Probe, ScrapePair},
    page::Sample,
};

/// What the exporter of metrics exports.
const DATA_POINTS: &str = "data points";

/// One of the service's exporters, by what it counts.
#[derive(Clone, Debug, Default, PartialEq)]
struct ServiceExporter {
    /// `grpc` or `http`.
    protocol: &'static str,
    /// What it exports, in plural.
    things: &'static str,
    /// `HOST:PORT`.
    to: String,
    delivered: f64,
    delivered_ever: f64,
    /// By `error.type`, those since the first collect, or if there are none, and nothing was delivered ever, all.
    lost: BTreeMap<String, f64>,
}

/// Judges the export, knowing how the collector is.
pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let exporters = observations.service.value().map(exporters).unwrap_or_default();
    let verdict = if exporters.iter().all(|it| it.things != DATA_POINTS) {
        without_counters(observations, outcomes)
    } else {
        by_counters(&exporters, observations, outcomes)
    };
    outcomes.put(Check::Export, verdict);
}

/// Judges by what the service itself counts.
fn by_counters(
    exporters: &[ServiceExporter],
    observations: &Observations,
    outcomes: &mut Outcomes,
) -> Outcome {
    let mut elsewhere = None;
    // Both kinds of data fail for one reason, if they go to one place.
    let mut failing: BTreeMap<(&str, &str), Vec<(&ServiceExporter, f64)>> = BTreeMap::new();
    for exporter in exporters.iter().filter(|it| it.delivered == 0.0) {
        let Some((error, count)) = exporter.lost.iter().max_by(|one, two| one.1.total_cmp(two.1))
        else {
            continue;
        };
        match failure::cause(error, observations, outcomes) {
            Some(cause) => elsewhere = Some(cause),
            None => failing.entry((error, &exporter.to)).or_default().push((exporter, *count)),
        }
    }
    let findings: Vec<_> = failing
        .iter()
        .filter_map(|((error, _), failing)| failure::finding(failing, error, observations))
        .collect();
    if let (true, Some(cause)) = (findings.is_empty(), elsewhere) {
        return Outcome::Blocked(cause);
    }
    let has_begun = exporters.iter().any(|it| 0.0 < it.delivered_ever || !it.lost.is_empty());
    if findings.is_empty() && !has_begun {
        // The interval is a minute by default: who has just been started has not exported.
        return match by_probes(observations, outcomes) {
            Outcome::Ok(seen) => Outcome::Ok(format!("the service has not exported yet; {seen}")),
            other => other,
        };
    }
    if findings.is_empty() {
        note_probes(observations, outcomes);
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
                (it.delivered_ever, "until now".to_owned())
            };
            format!("{} {} delivered to {} {when}", number(count), it.things, it.to)
        })
        .collect();
    parts.join(", ")
}

/// Judges a service of whose exporters nothing is known.
fn without_counters(observations: &Observations, outcomes: &mut Outcomes) -> Outcome {
    let Some(pair) = observations.service.value() else { return by_probes(observations, outcomes) };
    let is_scraped =
        observations.prometheus.value().map(|it| it.jobs.iter().any(|it| it.is_scraped));
    match is_scraped {
        Some(true) => {
            Outcome::Ok("the service sends nothing by OTLP; Prometheus scrapes it".to_owned())
        }
        Some(false) if 0.0 < requests(&pair.second) => Outcome::broken(Finding::new(
            "the service's page shows no OTLP exporter of metrics, and Prometheus does not scrape the page",
            "the export is switched off, or the service was built without it",
            "unset OTEL_SDK_DISABLED and OTEL_METRICS_EXPORTER in the service's environment, and set \
             OTEL_EXPORTER_OTLP_ENDPOINT to the collector's address",
        ).with_runbook("ServiceStoppedExporting")),
        _ => by_probes(observations, outcomes),
    }
}

/// Judges by empty exports of our own.
fn by_probes(observations: &Observations, outcomes: &Outcomes) -> Outcome {
    let probes = &observations.collector.probes;
    if let Some(accepted) = probes.iter().find(|it| it.is_accepted()) {
        return Outcome::Ok(format!("an empty export to {} was accepted", accepted.url));
    }
    if let Some(cause) = outcomes.blocker(Check::Collector) {
        return Outcome::Blocked(cause);
    }
    let answered = probes.iter().find(|it| it.is_answered() && (it.is_given || it.is_services));
    match answered.and_then(|it| Some((it, it.failure()?))) {
        Some((probe, error)) => Outcome::broken(failure::of_probe(probe, error, observations)),
        None => {
            Outcome::Skipped("no collector to send to; --collector URL says where it is".to_owned())
        }
    }
}

/// Tells of a probe that was refused while the service is let in.
fn note_probes(observations: &Observations, outcomes: &mut Outcomes) {
    let refused =
        observations.collector.probes.iter().filter(|it| it.is_given && !it.is_accepted());
    let denied =
        refused.filter_map(|it| Some((it, it.failure().filter(|it| it.is_access_denied())?)));
    let texts: Vec<_> = denied
        .map(|(probe, error)| {
            let url = &probe.url;
            format!(
                "our own probe of {url} was refused ({error}); set OTEL_EXPORTER_OTLP_HEADERS as the service has it"
            )
        })
        .collect();
    texts.into_iter().for_each(|it| outcomes.note(Check::Export, it));
}

/// Returns the service's exporters as they count themselves.
fn exporters(pair: &ScrapePair) -> Vec<ServiceExporter> {
    let mut found: BTreeMap<(&str, String), ServiceExporter> = BTreeMap::new();
    for (name, things) in [
        ("otel_sdk_exporter_metric_data_point_exported_total", DATA_POINTS),
        ("otel_sdk_exporter_span_exported_total", "spans"),
    ] {
        for sample in pair.second.named(name) {
            let component = sample.label("otel_component_type");
            let to = format!("{}:{}", sample.label("server_address"), sample.label("server_port"));
            let exports = found.entry((things, to.clone())).or_default();
            exports.protocol = if component.contains("grpc") { "grpc" } else { "http" };
            exports.things = things;
            exports.to = to;
            let grown = pair.growth(|page| {
                let same = page.named(name).filter(|it| it.labels == sample.labels);
                same.map(|it| it.value).sum()
            });
            exports.add(sample, grown);
        }
    }
    let mut exporters: Vec<_> = found.into_values().collect();
    for it in &mut exporters {
        it.forget_what_is_over();
    }
    exporters
}

// === impl ServiceExporter ===

impl ServiceExporter {
    fn add(&mut self, sample: &Sample, grown: f64) {
        match sample.label("error_type") {
            "" => {
                self.delivered += grown;
                self.delivered_ever += sample.value;
            }
            error => {
                // Negative for now: none since the first collect, but so many before it.
                let count = if 0.0 < grown { grown } else { -sample.value };
                self.lost.insert(error.to_owned(), count);
            }
        }
    }

    /// Keeps failures since the first collect; without any, all there were if nothing else was ever exported.
    fn forget_what_is_over(&mut self) {
        let is_failing_now = self.lost.values().any(|it| 0.0 < *it);
        if is_failing_now || 0.0 < self.delivered_ever {
            self.lost.retain(|_, count| 0.0 < *count);
        } else {
            self.lost.values_mut().for_each(|it| *it = it.abs());
            self.lost.retain(|_, count| 0.0 < *count);
        }
    }
}

/// Returns a probe that was accepted where the service does not send to.
fn accepted_elsewhere<'a>(observations: &'a Observations, to: &str) -> Option<&'a Probe> {
    let mut probes = observations.collector.probes.iter();
    probes.find(|it| it.is_accepted() && !it.url.ends_with(to))
}

/// Returns what came back when we probed where the service sends to.
fn probe_of<'a>(observations: &'a Observations, to: &str) -> Option<&'a Probe> {
    observations.collector.probes.iter().find(|it| it.url.contains(to))
}

/// Returns the protocol's setting that fits what a receiver speaks.
fn protocol_of(probe: &Probe) -> &'static str {
    if probe.grpc.is_ok() { "grpc" } else { "http/protobuf" }
}

/// Returns whether a receiver wants credentials that we do not have either.
fn is_denied(result: &Result<(), ProbeError>) -> bool {
    result.as_ref().is_err_and(ProbeError::is_access_denied)
}
