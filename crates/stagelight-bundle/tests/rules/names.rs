//! Every series that a rule asks for is one that somebody makes.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use stagelight_bundle::thresholds;
use stagelight_core::catalog::{self, Instrument};

use crate::{expression::names, files};

/// What others make. The end-to-end tests execute every rule on a real stack and look whether it is there.
const FOREIGN: &[&str] = &[
    // Prometheus, of each target.
    "up",
    // The collector of itself, scraped and pushed, before 0.155 and after.
    "otelcol_exporter_enqueue_failed_log_records",
    "otelcol_exporter_enqueue_failed_metric_points",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_queue_capacity",
    "otelcol_exporter_queue_size",
    "otelcol_exporter_send_failed_log_records",
    "otelcol_exporter_send_failed_metric_points",
    "otelcol_exporter_send_failed_spans",
    "otelcol_exporter_sent_log_records",
    "otelcol_exporter_sent_metric_points",
    "otelcol_exporter_sent_spans",
    "otelcol_process_cpu_seconds",
    "otelcol_process_memory_rss",
    "otelcol_processor_memory_limiter_refused_log_records",
    "otelcol_processor_memory_limiter_refused_metric_points",
    "otelcol_processor_memory_limiter_refused_spans",
    "otelcol_receiver_accepted_log_records",
    "otelcol_receiver_accepted_metric_points",
    "otelcol_receiver_accepted_spans",
    "otelcol_receiver_refused_log_records",
    "otelcol_receiver_refused_metric_points",
    "otelcol_receiver_refused_spans",
    // The collector's host_metrics receiver, of the machine.
    "system_cpu_time_seconds_total",
    "system_filesystem_utilization_ratio",
    "system_linux_memory_available_bytes",
    "system_memory_limit_bytes",
    // Prometheus of itself.
    "prometheus_config_last_reload_successful",
    "prometheus_http_requests_total",
    "prometheus_notifications_alertmanagers_discovered",
    "prometheus_notifications_errors_total",
    "prometheus_notifications_sent_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_tsdb_out_of_bound_samples_total",
    "prometheus_tsdb_out_of_order_samples_total",
    "prometheus_tsdb_too_old_samples_total",
    // Alertmanager of itself.
    "alertmanager_config_last_reload_successful",
    "alertmanager_notifications_failed_total",
    "alertmanager_notifications_total",
];

/// The names of the catalogue's series, as Prometheus has them.
fn catalogued() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for metric in catalog::ALL.iter().flat_map(|it| it.metrics) {
        let name = metric.prometheus_name();
        if matches!(metric.instrument, Instrument::Histogram { .. }) {
            all.extend(["_bucket", "_sum", "_count"].map(|it| format!("{name}{it}")));
        } else {
            all.insert(name);
        }
    }
    all
}

/// What each recorded series is made of.
fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for rule in files::rules().into_iter().filter(|it| !it.is_alert) {
        all.entry(rule.name).or_default().extend(names(&rule.query));
    }
    all
}

fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})$")).unwrap()
}

#[test]
fn every_series_of_a_rule_is_in_the_catalogue_recorded_or_named_as_anothers() {
    let (catalogued, recorded) = (catalogued(), recorded());
    let mut unknown = Vec::new();
    for rule in files::rules() {
        for name in names(&rule.query) {
            let foreign = whole(&name);
            let is_known = catalogued.contains(&name)
                || recorded.contains_key(&name)
                || FOREIGN.iter().any(|it| foreign.is_match(it));
            if !is_known {
                unknown.push(format!("{}: {} asks for {name}", rule.file, rule.name));
            }
        }
    }

    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn no_foreign_series_is_named_that_no_rule_asks_for() {
    let asked: Vec<_> = files::rules().iter().flat_map(|it| names(&it.query)).collect();
    let patterns: Vec<_> = asked.iter().map(|it| whole(it)).collect();
    let unused: Vec<_> =
        FOREIGN.iter().filter(|name| !patterns.iter().any(|it| it.is_match(name))).collect();

    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_alert_looks_at_what_its_threshold_says() {
    let recorded = recorded();
    for rule in files::alerts().iter().filter(|it| it.name != files::WATCHDOG) {
        let mut seen = names(&rule.query);
        let mut open: Vec<_> = seen.iter().cloned().collect();
        while let Some(name) = open.pop() {
            let parts = recorded.get(&name).into_iter().flatten();
            open.extend(parts.filter(|&it| seen.insert(it.clone())).cloned());
        }

        let threshold = thresholds::for_alert(&rule.name).unwrap();
        let is_seen = |name: &str| {
            seen.iter().any(|it| {
                it.strip_prefix(name)
                    .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            })
        };
        let metric = threshold.metric;
        assert!(is_seen(metric), "{}: {metric} is not in {seen:?}", rule.name);
    }
}

#[test]
fn what_the_rules_divide_by_is_what_the_store_allows() {
    let rules = std::fs::read_to_string(
        files::root().join("collector/prometheus/rules/service.recording.yaml"),
    )
    .unwrap();
    for label in [catalog::Label::Endpoint, catalog::Label::Model, catalog::Label::Stage] {
        let name = label.prometheus_name();
        let counted = format!("by (job, instance, {name}) (");
        let line = rules.lines().find(|it| it.contains(&counted)).unwrap();
        assert!(line.ends_with(&format!("/ {}", label.cap())), "{line} is not by {}", label.cap());
    }
}

#[test]
fn the_latency_objective_asks_for_a_bound_that_there_is() {
    let rules = std::fs::read_to_string(
        files::root().join("collector/prometheus/rules/slo.recording.yaml"),
    )
    .unwrap();
    let bound = rules.split("le=~\"").nth(1).and_then(|it| it.split("([.]0)?").next()).unwrap();
    let bound: f64 = bound.parse().unwrap();

    assert!(catalog::REQUEST.metrics[0].bounds().contains(&bound), "{bound}");
}
