//! Do slow buckets lead to traces?

use super::{Chain, contract::without_prometheus};
use crate::doctor::{
    facts::{Facts, PrometheusFacts},
    finding::{Finding, Verdict},
    link::Link,
};

/// Of so many requests in five minutes some have left an exemplar, if any were sampled.
const ENOUGH: f64 = 20.0;

pub(super) fn judge(facts: &Facts, chain: &mut Chain) {
    let verdict = match facts.prometheus.facts() {
        None => without_prometheus(chain),
        Some(prometheus) => stored(facts, prometheus, chain),
    };
    chain.put(Link::Exemplars, verdict);
}

fn stored(facts: &Facts, prometheus: &PrometheusFacts, chain: &mut Chain) -> Verdict {
    if prometheus.exemplar_storage == Some(false) {
        return Verdict::broken(Finding::new(
            "Prometheus runs without --enable-feature=exemplar-storage",
            "it drops the exemplars that it is sent, so that no slow bucket leads to a trace",
            "start Prometheus with --enable-feature=exemplar-storage",
        ));
    }
    if prometheus.config.lines().any(|it| it.trim() == "max_exemplars: 0") {
        return Verdict::broken(Finding::new(
            "Prometheus' configuration has `max_exemplars: 0`",
            "it has no room for exemplars",
            "set `storage: {exemplars: {max_exemplars: 100000}}`",
        ));
    }
    if 0 < prometheus.exemplars {
        return Verdict::Ok(format!("{} of the last hour", prometheus.exemplars));
    }
    if let Some(cause) = chain.cause_in(Link::Prometheus) {
        return Verdict::NotJudged(cause);
    }
    let is_traced = facts.service.facts().is_some_and(|looks| {
        // Spans that are exported are of requests that were sampled, and such requests leave exemplars.
        let exported = "otel_sdk_exporter_span_exported_total";
        0.0 < looks.growth(|page| page.sum(exported).unwrap_or(0.0))
    });
    let is_pushed = prometheus.jobs.iter().any(|it| !it.is_scraped);
    // Not after a few: an exemplar is sent once, and may be lost with an export that failed.
    if is_traced && is_pushed && ENOUGH < prometheus.recent_requests {
        return Verdict::broken(Finding::new(
            "the service exports metrics and traces, and Prometheus has no exemplar of the last hour",
            "they get lost on the way: only OTLP and remote write with `send_exemplars: true` carry them",
            "send the collector's metrics to Prometheus' OTLP receiver, as the shipped configuration does",
        ));
    }
    chain.note(
        Link::Exemplars,
        "none within the last hour: there were few requests, none was sampled (OTEL_TRACES_SAMPLER), or Prometheus \
         scrapes the service without asking for OpenMetrics",
    );
    Verdict::Ok("switched on".to_owned())
}
