//! Do the collector's exporters deliver?

use super::{
    counters::{CollectorExporter, METRICS, exporters, growth},
    outcomes::{Outcomes, number},
};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::{Observations, ScrapePair},
};

/// Evaluates the exporters, given the outcome of the Prometheus server.
pub(super) fn evaluate(observations: &Observations, server: &Outcome, outcomes: &mut Outcomes) {
    let metrics = &observations.collector.metrics;
    let Some(pair) = metrics.value() else {
        let reason = format!(
            "the collector's own metrics are not at {}; give their address with \
             --collector-metrics",
            metrics.url
        );
        outcomes.put(Check::Delivery, Outcome::Skipped(reason));
        return;
    };
    let accepted = |signal: &str| growth(pair, &format!("otelcol_receiver_accepted_{signal}"));
    let mut findings = Vec::new();
    let mut is_prometheus_down = false;
    let exporters = exporters(pair);
    for exporter in &exporters {
        let Some(seen) = problem(exporter, accepted(exporter.signal), observations) else {
            note(exporter, outcomes);
            continue;
        };
        if exporter.signal == METRICS && server.is_broken() {
            is_prometheus_down = true;
        } else {
            findings.push(finding(exporter, seen, server));
        }
    }
    let outcome = if findings.is_empty() && is_prometheus_down {
        Outcome::Blocked(Check::Prometheus)
    } else {
        Outcome::from_findings(findings, || summary(&exporters, pair, observations))
    };
    outcomes.put(Check::Delivery, outcome);
}

/// Describes the problem of an exporter, if there is one.
fn problem(
    exporter: &CollectorExporter,
    accepted: f64,
    observations: &Observations,
) -> Option<String> {
    let CollectorExporter { name, signal, sent, send_failed, enqueue_failed, .. } = exporter;
    let within = format!("within {} s", number(observations.watched.as_secs_f64()));
    let queue =
        format!("its queue has {} of {}", number(exporter.queue), number(exporter.capacity));
    let items = signal.replace('_', " ");
    if 0.0 < *enqueue_failed || (exporter.is_full() && *sent == 0.0) {
        let refused = number(*enqueue_failed);
        return Some(format!("exporter {name}: {queue}, and refused {refused} {items} {within}"));
    }
    if 0.0 < *send_failed {
        let failed = number(*send_failed);
        return Some(format!("exporter {name}: {failed} {items} failed and were lost {within}"));
    }
    if 0.0 < accepted && *sent == 0.0 && 0.0 < exporter.queue {
        let accepted = number(accepted);
        return Some(format!("exporter {name}: sent none of {accepted} {items} {within}, {queue}"));
    }
    None
}

fn finding(exporter: &CollectorExporter, seen: String, server: &Outcome) -> Finding {
    if exporter.signal != METRICS {
        return Finding::new(
            seen,
            "the trace or log backend of this exporter rejects the data or is down",
            "find the backend's response in the collector's log; for traces, set \
             STAGELIGHT_TRACES_ADDRESS to the backend's address",
        );
    }
    if exporter.is_keeping_up() {
        return Finding::new(
            seen,
            "the exporter delivers, but bursts exceed its queue",
            "raise `sending_queue: {queue_size: …}` of the exporter in the collector's \
             configuration",
        )
        .with_runbook("CollectorEnqueueFails");
    }
    let why = if server.is_ok() {
        "Prometheus is healthy: the exporter uses another address, or lacks credentials"
    } else {
        "the exporter's backend rejects the data or is down"
    };
    let runbook = if exporter.is_full() {
        "CollectorQueueFull"
    } else if 0.0 < exporter.send_failed {
        "CollectorSendFails"
    } else {
        "CollectorDeliversNothing"
    };
    Finding::new(
        seen,
        why,
        "set STAGELIGHT_PROMETHEUS_OTLP_URL of the collector to http://HOST:9090/api/v1/otlp of \
         this Prometheus; the collector's log has the backend's response",
    )
    .with_runbook(runbook)
}

/// Notes losses before the first scrape.
fn note(exporter: &CollectorExporter, outcomes: &mut Outcomes) {
    if 0.0 < exporter.lost_ever {
        let CollectorExporter { name, signal, lost_ever, .. } = exporter;
        let (lost, items) = (number(*lost_ever), signal.replace('_', " "));
        let text = format!(
            "exporter {name} has lost {lost} {items} since the collector's start, none of them now"
        );
        outcomes.note(Check::Delivery, text);
    }
}

fn summary(
    exporters: &[CollectorExporter],
    pair: &ScrapePair,
    observations: &Observations,
) -> String {
    let sent: f64 = exporters.iter().filter(|it| it.signal == METRICS).map(|it| it.sent).sum();
    let watched = number(observations.watched.as_secs_f64());
    let accepted = growth(pair, "otelcol_receiver_accepted_metric_points");
    if sent == 0.0 && accepted == 0.0 {
        return format!("idle for {watched} s, nothing queued; use a longer --watch");
    }
    format!("{} metric points sent within {watched} s, none failed", number(sent))
}
