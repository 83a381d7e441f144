//! Do slow buckets lead to traces?

use super::{Outcomes, contract::without_prometheus};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    observations::{Observations, PrometheusObservations},
};

/// Of so many requests in five minutes some have left an exemplar, if any were sampled.
const ENOUGH: f64 = 20.0;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let verdict = match observations.prometheus.value() {
        None => without_prometheus(outcomes),
        Some(prometheus) => stored(observations, prometheus, outcomes),
    };
    outcomes.put(Check::Exemplars, verdict);
}

fn stored(
    observations: &Observations,
    prometheus: &PrometheusObservations,
    outcomes: &mut Outcomes,
) -> Outcome {
    if prometheus.exemplar_storage == Some(false) {
        return Outcome::broken(Finding::new(
            "Prometheus runs without --enable-feature=exemplar-storage",
            "it drops the exemplars that it is sent, so that no slow bucket leads to a trace",
            "start Prometheus with --enable-feature=exemplar-storage",
        ));
    }
    if prometheus.config.lines().any(|it| it.trim() == "max_exemplars: 0") {
        return Outcome::broken(Finding::new(
            "Prometheus' configuration has `max_exemplars: 0`",
            "it has no room for exemplars",
            "set `storage: {exemplars: {max_exemplars: 100000}}`",
        ));
    }
    if 0 < prometheus.exemplars {
        return Outcome::Ok(format!("{} of the last hour", prometheus.exemplars));
    }
    if let Some(cause) = outcomes.blocker(Check::Prometheus) {
        return Outcome::Blocked(cause);
    }
    let is_traced = observations.service.value().is_some_and(|pair| {
        // Spans that are exported are of requests that were sampled, and such requests leave exemplars.
        let exported = "otel_sdk_exporter_span_exported_total";
        0.0 < pair.growth(|page| page.sum(exported).unwrap_or(0.0))
    });
    let is_pushed = prometheus.jobs.iter().any(|it| !it.is_scraped);
    // Not after a few: an exemplar is sent once, and may be lost with an export that failed.
    if is_traced && is_pushed && ENOUGH < prometheus.recent_requests {
        return Outcome::broken(Finding::new(
            "the service exports metrics and traces, and Prometheus has no exemplar of the last hour",
            "they get lost on the way: only OTLP and remote write with `send_exemplars: true` carry them",
            "send the collector's metrics to Prometheus' OTLP receiver, as the shipped configuration does",
        ));
    }
    outcomes.note(
        Check::Exemplars,
        "none within the last hour: there were few requests, none was sampled (OTEL_TRACES_SAMPLER), or Prometheus \
         scrapes the service without asking for OpenMetrics",
    );
    Outcome::Ok("switched on".to_owned())
}
