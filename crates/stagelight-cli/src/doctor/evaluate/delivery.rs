//! Do the collector's exporters deliver?

use super::{
    Outcomes,
    counters::{Exporter, METRICS, exporters, growth},
    number,
};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    observations::{Observations, ScrapePair},
};

/// Judges the exporters, knowing how Prometheus is.
pub(super) fn evaluate(observations: &Observations, server: &Outcome, outcomes: &mut Outcomes) {
    let metrics = &observations.collector.metrics;
    let Some(pair) = metrics.value() else {
        let reason = format!(
            "the collector's own metrics are not at {}; --collector-metrics URL says where they are",
            metrics.url
        );
        outcomes.put(Check::Delivery, Outcome::Skipped(reason));
        return;
    };
    let accepted = |signal: &str| growth(pair, &format!("otelcol_receiver_accepted_{signal}"));
    let mut findings = Vec::new();
    let mut is_prometheus_fault = false;
    let exporters = exporters(pair);
    for exporter in &exporters {
        let Some(seen) = trouble(exporter, accepted(exporter.signal), observations) else {
            note(exporter, outcomes);
            continue;
        };
        if exporter.signal == METRICS && server.is_broken() {
            is_prometheus_fault = true;
        } else {
            findings.push(finding(exporter, seen, server));
        }
    }
    let verdict = if findings.is_empty() && is_prometheus_fault {
        Outcome::Blocked(Check::Prometheus)
    } else {
        Outcome::from_findings(findings, || delivered(&exporters, pair, observations))
    };
    outcomes.put(Check::Delivery, verdict);
}

/// Returns what is wrong with an exporter, if something is.
fn trouble(exporter: &Exporter, accepted: f64, observations: &Observations) -> Option<String> {
    let Exporter { name, signal, sent, send_failed, enqueue_failed, queue, capacity, .. } =
        exporter;
    let within = format!("within {}", number(observations.watched.as_secs_f64())) + " s";
    let is_full = exporter.is_full();
    let things = signal.replace('_', " ");
    if 0.0 < *enqueue_failed || (is_full && *sent == 0.0) {
        let (queue, capacity) = (number(*queue), number(*capacity));
        let refused = number(*enqueue_failed);
        return Some(format!(
            "exporter {name}: its queue has {queue} of {capacity}, and refused {refused} {things} {within}"
        ));
    }
    if 0.0 < *send_failed {
        let failed = number(*send_failed);
        return Some(format!(
            "exporter {name}: {failed} {things} could not be sent {within}, and are lost"
        ));
    }
    if 0.0 < accepted && *sent == 0.0 && 0.0 < *queue {
        let (accepted, queue, capacity) = (number(accepted), number(*queue), number(*capacity));
        return Some(format!(
            "exporter {name}: none of {accepted} {things} sent {within}, its queue has {queue} of {capacity}"
        ));
    }
    None
}

fn finding(exporter: &Exporter, seen: String, server: &Outcome) -> Finding {
    if exporter.signal != METRICS {
        return Finding::new(
            seen,
            "the trace or log backend behind this exporter does not take what it is sent",
            "the collector's log says what it answers; for traces, STAGELIGHT_TRACES_ADDRESS is where they go",
        );
    }
    if exporter.is_keeping_up() {
        return Finding::new(
            seen,
            "it delivers, but more comes at once than its queue has room for",
            "raise `sending_queue: {queue_size: …}` of the exporter in the collector's configuration",
        ).with_runbook("CollectorEnqueueFails");
    }
    let why = if server.is_ok() {
        "Prometheus is well, so the exporter sends to another address, or without what it asks for"
    } else {
        "what the exporter sends to does not take it"
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
        "the collector's log says what the other side answers; set STAGELIGHT_PROMETHEUS_OTLP_URL to \
         http://HOST:9090/api/v1/otlp of this Prometheus",
    ).with_runbook(runbook)
}

/// Tells what went wrong before we looked.
fn note(exporter: &Exporter, outcomes: &mut Outcomes) {
    if 0.0 < exporter.lost_ever {
        let Exporter { name, signal, lost_ever, .. } = exporter;
        let (lost, things) = (number(*lost_ever), signal.replace('_', " "));
        let text = format!(
            "exporter {name} has lost {lost} {things} since the collector was started, none of them now"
        );
        outcomes.note(Check::Delivery, text);
    }
}

fn delivered(exporters: &[Exporter], pair: &ScrapePair, observations: &Observations) -> String {
    let sent: f64 = exporters.iter().filter(|it| it.signal == METRICS).map(|it| it.sent).sum();
    let watched = number(observations.watched.as_secs_f64());
    let accepted = growth(pair, "otelcol_receiver_accepted_metric_points");
    if sent == 0.0 && accepted == 0.0 {
        return format!("nothing came and nothing waits; --watch pair longer than {watched} s");
    }
    format!("{} metric points sent within {watched} s, none failed", number(sent))
}
