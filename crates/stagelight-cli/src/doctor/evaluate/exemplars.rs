//! Does Prometheus store exemplars, which link slow buckets to traces?

use super::outcomes::Outcomes;
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::{Observations, PrometheusObservations},
};

/// Requests within five minutes above which exemplars must exist if requests are sampled.
const ENOUGH: f64 = 20.0;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let outcome = match observations.prometheus.value() {
        None => outcomes.without_prometheus(),
        Some(prometheus) => stored(observations, prometheus, outcomes),
    };
    outcomes.put(Check::Exemplars, outcome);
}

fn stored(
    observations: &Observations,
    prometheus: &PrometheusObservations,
    outcomes: &mut Outcomes,
) -> Outcome {
    if prometheus.exemplar_storage == Some(false) {
        return Outcome::broken(Finding::new(
            "Prometheus runs without --enable-feature=exemplar-storage",
            "it drops all exemplars, so slow buckets have no link to traces",
            "start Prometheus with --enable-feature=exemplar-storage",
        ));
    }
    if prometheus.config.lines().any(|it| it.trim() == "max_exemplars: 0") {
        return Outcome::broken(Finding::new(
            "Prometheus' configuration sets `max_exemplars: 0`",
            "it drops all exemplars",
            "set `storage: {exemplars: {max_exemplars: 100000}}` in Prometheus' configuration",
        ));
    }
    if 0 < prometheus.exemplars {
        return Outcome::Ok(format!("{} within the last hour", prometheus.exemplars));
    }
    if let Some(cause) = outcomes.blocker(Check::Prometheus) {
        return Outcome::Blocked(cause);
    }
    let is_traced = observations.service.value().is_some_and(|pair| {
        // Exported spans belong to sampled requests, which leave exemplars.
        let exported = "otel_sdk_exporter_span_exported_total";
        0.0 < pair.growth(|page| page.sum(exported).unwrap_or(0.0))
    });
    let is_pushed = prometheus.jobs.iter().any(|it| !it.is_scraped);
    // An exemplar is sent once and may be lost with a failed export, so a few requests prove
    // nothing.
    if is_traced && is_pushed && ENOUGH < prometheus.recent_requests {
        return Outcome::broken(Finding::new(
            "the service exports metrics and traces, but Prometheus has no exemplar within the \
             last hour",
            "exemplars are lost on the way: only OTLP and remote write with \
             `send_exemplars: true` carry them",
            "export the collector's metrics to Prometheus' OTLP receiver, as the shipped \
             configuration does",
        ));
    }
    outcomes.note(
        Check::Exemplars,
        "none within the last hour: there were few requests, none was sampled \
         (OTEL_TRACES_SAMPLER), or Prometheus scrapes the service without OpenMetrics",
    );
    Outcome::Ok("enabled".to_owned())
}
