//! What a healthy stack under load does not emit, each with its reason.
//!
//! This is the only list. Whatever else is empty is a defect, and so is an entry that is not needed: one of which there is
//! data, or that no query asks for. What is only emitted when something breaks cannot be misspelt either: its name has to
//! stand in the program that emits it.

use std::{collections::BTreeSet, path::Path, process::Command};

use stagelight_core::catalog;
use xtask::Tools;

use Emitter::{Catalogue, Collector};

/// Metrics of which there are no series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// A metric's name, or the pattern for one, as the query has it.
    pub(crate) metric: &'static str,
    /// Only series with this label are missing; empty for all.
    pub(crate) label: &'static str,
    pub(crate) reason: &'static str,
    /// Who would emit it, and by which name.
    emitted_as: (Emitter, &'static str),
}

#[derive(Clone, Copy, Debug)]
enum Emitter {
    /// The library: the name is in the catalogue.
    Catalogue,
    Collector,
}

const NO_LOGS: &str = "the collector beside the service takes no logs";
const NOTHING_GIVEN_UP: &str = "counted from the first batch on that is given up for good";
const QUEUE_NEVER_FULL: &str = "counted from the first batch on that finds the queue full";
const MEMORY_ENOUGH: &str = "counted from the first batch on that finds too little memory";

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
        reason: "counted from the first measurement on that is dropped",
        emitted_as: (Catalogue, "stagelight_dropped_total"),
    },
    Exception {
        metric: "otel_sdk_exporter_span_exported_total",
        label: "error_type",
        reason: "counted from the first spans on that a collector refuses for good",
        emitted_as: (Catalogue, "otel_sdk_exporter_span_exported_total"),
    },
];

const fn collector(metric: &'static str, reason: &'static str, name: &'static str) -> Exception {
    Exception { metric, label: "", reason, emitted_as: (Collector, name) }
}

/// Returns the names of the labels that a metric of the catalogue has by itself, whether there are series of it or not.
pub(crate) fn catalogued_labels(metric: &str) -> Option<BTreeSet<String>> {
    let mut families = catalog::ALL.iter();
    let family = families.find(|it| it.metrics.iter().any(|it| it.prometheus_name() == metric))?;
    let labels = family.labels.iter().map(|it| it.prometheus_name().to_owned());
    Some(labels.chain(["job", "instance"].map(str::to_owned)).collect())
}

/// Checks that every listed name is one that its program has.
pub(crate) fn check(tools: &Tools) {
    let has = |program: &Path, name| {
        let mut grep = Command::new("grep");
        // Bytes, not letters: a program is text in no language, and large.
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
        assert!(is_there, "{metric}: {name:?} with {label:?} is nowhere in {emitter:?}");
    }
}
