//! Metrics that a healthy stack under load does not emit, with reasons.
//!
//! This is the only list: any other empty result is a problem, and so is an entry that no query
//! needs. The names must exist in the program that emits them, so that they cannot be misspelt.

use std::{collections::BTreeSet, path::Path, process::Command};

use stagelight_core::catalog;
use testbed::Tools;

use Emitter::{Catalogue, Collector};

/// A metric without series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// The metric's name, or the pattern in the query.
    pub(crate) metric: &'static str,
    /// The label of the missing series; empty if all series are missing.
    pub(crate) label: &'static str,
    pub(crate) reason: &'static str,
    /// The program that emits it, and its name there.
    emitted_as: (Emitter, &'static str),
}

#[derive(Clone, Copy, Debug)]
enum Emitter {
    /// stagelight: the name is in the catalogue.
    Catalogue,
    Collector,
}

const NO_LOGS: &str = "the services send no logs";
const NOTHING_GIVEN_UP: &str = "no batch was dropped after retries";
const QUEUE_NEVER_FULL: &str = "the queue was never full";
const MEMORY_ENOUGH: &str = "memory was never short";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    collector(
        r"otelcol_receiver_accepted_log_records(_total)?",
        NO_LOGS,
        "otelcol_receiver_accepted_log_records",
    ),
    collector(
        r"otelcol_receiver_refused_log_records(_total)?",
        NO_LOGS,
        "otelcol_receiver_refused_log_records",
    ),
    collector(
        r"otelcol_exporter_sent_log_records(_total)?",
        NO_LOGS,
        "otelcol_exporter_sent_log_records",
    ),
    collector(
        r"otelcol_exporter_send_failed_log_records(_total)?",
        NO_LOGS,
        "otelcol_exporter_send_failed_log_records",
    ),
    collector(
        r"otelcol_exporter_enqueue_failed_log_records(_total)?",
        NO_LOGS,
        "otelcol_exporter_enqueue_failed_log_records",
    ),
    collector(
        r"otelcol_exporter_send_failed_spans(_total)?",
        NOTHING_GIVEN_UP,
        "otelcol_exporter_send_failed_spans",
    ),
    collector(
        r"otelcol_exporter_send_failed_metric_points(_total)?",
        NOTHING_GIVEN_UP,
        "otelcol_exporter_send_failed_metric_points",
    ),
    collector(
        r"otelcol_exporter_enqueue_failed_spans(_total)?",
        QUEUE_NEVER_FULL,
        "otelcol_exporter_enqueue_failed_spans",
    ),
    collector(
        r"otelcol_exporter_enqueue_failed_metric_points(_total)?",
        QUEUE_NEVER_FULL,
        "otelcol_exporter_enqueue_failed_metric_points",
    ),
    collector(
        r"otelcol_processor(_memory_limiter)?_refused_spans(_total)?",
        MEMORY_ENOUGH,
        "otelcol_processor_memory_limiter_refused_spans",
    ),
    collector(
        r"otelcol_processor(_memory_limiter)?_refused_metric_points(_total)?",
        MEMORY_ENOUGH,
        "otelcol_processor_memory_limiter_refused_metric_points",
    ),
    collector(
        r"otelcol_processor(_memory_limiter)?_refused_log_records(_total)?",
        NO_LOGS,
        "otelcol_processor_memory_limiter_refused_log_records",
    ),
    Exception {
        metric: "stagelight_dropped_total",
        label: "",
        reason: "no measurement was dropped",
        emitted_as: (Catalogue, "stagelight_dropped_total"),
    },
    Exception {
        metric: "otel_sdk_exporter_span_exported_total",
        label: "error_type",
        reason: "no spans were rejected permanently",
        emitted_as: (Catalogue, "otel_sdk_exporter_span_exported_total"),
    },
];

const fn collector(metric: &'static str, reason: &'static str, name: &'static str) -> Exception {
    Exception { metric, label: "", reason, emitted_as: (Collector, name) }
}

/// Returns the label names of a metric in the catalogue.
pub(crate) fn catalogued_labels(metric: &str) -> Option<BTreeSet<String>> {
    let mut families = catalog::ALL.iter().chain(&stagelight_otel::catalog::ALL);
    let family = families.find(|it| it.metrics.iter().any(|it| it.prometheus_name == metric))?;
    let labels = family.labels.iter().map(|it| it.prometheus_name.to_owned());
    Some(labels.chain(["job", "instance"].map(str::to_owned)).collect())
}

/// Checks that every listed name exists in its program.
pub(crate) fn check(tools: &Tools) {
    let has = |program: &Path, name| {
        let mut grep = Command::new("grep");
        // The C locale makes grep compare bytes.
        grep.env("LC_ALL", "C").args(["-qaF", name]).arg(program);
        grep.status().unwrap().success()
    };
    for Exception { metric, label, emitted_as: (emitter, name), .. } in EXCEPTIONS {
        let is_there = match emitter {
            Catalogue => {
                catalogued_labels(name).is_some_and(|it| label.is_empty() || it.contains(*label))
            }
            Collector => has(&tools.collector, name),
        };
        assert!(is_there, "{metric}: {name:?} with {label:?} is not in {emitter:?}");
    }
}
