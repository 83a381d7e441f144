//! Every series that a rule, a dashboard or a data source queries exists.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser;
use regex::Regex;
use stagelight_bundle::{dashboards, thresholds};
use stagelight_core::catalog::{self, Instrument};

use crate::{expression::names, files, provisioning};

/// Series of Prometheus, the collector and its `host_metrics` receiver, and Alertmanager. The
/// end-to-end tests run every query against them.
const FOREIGN: &str = "
    ALERTS target_info up
    otelcol_exporter_enqueue_failed_log_records otelcol_exporter_enqueue_failed_metric_points
    otelcol_exporter_enqueue_failed_spans otelcol_exporter_queue_capacity
    otelcol_exporter_queue_size otelcol_exporter_send_failed_log_records
    otelcol_exporter_send_failed_metric_points otelcol_exporter_send_failed_spans
    otelcol_exporter_sent_log_records otelcol_exporter_sent_metric_points
    otelcol_exporter_sent_spans otelcol_process_cpu_seconds otelcol_process_memory_rss
    otelcol_processor_memory_limiter_refused_log_records
    otelcol_processor_memory_limiter_refused_metric_points
    otelcol_processor_memory_limiter_refused_spans otelcol_receiver_accepted_log_records
    otelcol_receiver_accepted_metric_points otelcol_receiver_accepted_spans
    otelcol_receiver_refused_log_records otelcol_receiver_refused_metric_points
    otelcol_receiver_refused_spans
    system_cpu_load_average_15m system_cpu_load_average_1m system_cpu_load_average_5m
    system_cpu_logical_count system_cpu_time_seconds_total system_disk_io_bytes_total
    system_disk_io_time_seconds_total system_disk_operation_time_seconds_total
    system_disk_operations_total system_filesystem_utilization_ratio
    system_linux_memory_available_bytes system_memory_limit_bytes system_memory_usage_bytes
    system_network_connections system_network_dropped_total system_network_errors_total
    system_network_io_bytes_total system_network_packets_total process_cpu_time_seconds_total
    process_disk_io_bytes_total process_memory_usage_bytes process_open_file_descriptors
    process_threads process_uptime_seconds
    prometheus_config_last_reload_successful
    prometheus_engine_query_duration_histogram_seconds_bucket prometheus_http_requests_total
    prometheus_notifications_alertmanagers_discovered prometheus_notifications_dropped_total
    prometheus_notifications_errors_total prometheus_notifications_sent_total
    prometheus_rule_evaluation_failures_total prometheus_rule_group_interval_seconds
    prometheus_rule_group_iterations_missed_total prometheus_rule_group_last_duration_seconds
    prometheus_target_scrapes_sample_duplicate_timestamp_total
    prometheus_tsdb_exemplar_exemplars_in_storage prometheus_tsdb_exemplar_max_exemplars
    prometheus_tsdb_head_chunks_storage_size_bytes prometheus_tsdb_head_samples_appended_total
    prometheus_tsdb_head_series prometheus_tsdb_out_of_bound_samples_total
    prometheus_tsdb_out_of_order_samples_total prometheus_tsdb_storage_blocks_bytes
    prometheus_tsdb_too_old_samples_total prometheus_tsdb_wal_storage_size_bytes
    alertmanager_alerts alertmanager_config_last_reload_successful
    alertmanager_notification_latency_seconds_bucket alertmanager_notifications_failed_total
    alertmanager_notifications_total alertmanager_silences
";

/// The Prometheus names of the catalogue's series. A native histogram has the bare name.
fn catalogued() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let families = catalog::ALL.into_iter().chain(stagelight_otel::catalog::ALL);
    for metric in families.flat_map(|it| it.metrics) {
        let name = metric.prometheus_name;
        if matches!(metric.instrument, Instrument::Histogram { .. }) {
            all.extend(["_bucket", "_sum", "_count"].map(|it| format!("{name}{it}")));
        }
        all.insert(name.to_owned());
    }
    all
}

/// The recorded series, with the series that each is computed from.
fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for rule in files::rules().into_iter().filter(|it| !it.is_alert) {
        all.entry(rule.name).or_default().extend(names(&rule.query));
    }
    all
}

/// Every queried name or pattern of names, with the place of the query.
fn queried() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for rule in files::rules() {
        all.extend(names(&rule.query).into_iter().map(|it| (rule.name.clone(), it)));
    }
    let dashboards = dashboards::all();
    let of_dashboards = dashboards
        .iter()
        .flat_map(|file| files::queries(&file.json).into_iter().map(|it| (file.name.as_str(), it)));
    let of_data_sources = provisioning::queries().into_iter().map(|query| {
        let query = query.replace("$__tags", "job=\"a\"");
        ("data sources", files::without_variables(&query))
    });
    for (place, query) in of_dashboards.chain(of_data_sources) {
        let expr =
            parser::parse(&query).unwrap_or_else(|error| panic!("{place}: {query}: {error}"));
        all.extend(names(&expr).into_iter().map(|it| (place.to_owned(), it)));
    }
    all
}

fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})$")).unwrap()
}

#[test]
fn every_queried_series_exists() {
    let mut known = catalogued();
    known.extend(recorded().into_keys());
    known.extend(FOREIGN.split_whitespace().map(str::to_owned));
    let is_unknown = |name: &String| {
        let pattern = whole(name);
        !known.contains(name) && !known.iter().any(|it| pattern.is_match(it))
    };
    let unknown: Vec<_> = queried().into_iter().filter(|it| is_unknown(&it.1)).collect();

    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_foreign_series_is_queried() {
    let patterns: Vec<_> = queried().iter().map(|it| whole(&it.1)).collect();
    let unused: Vec<_> = FOREIGN
        .split_whitespace()
        .filter(|name| !patterns.iter().any(|it| it.is_match(name)))
        .collect();

    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_collector_documents_the_host_metrics() {
    let readme = files::read("collector/README.md");
    let of_host = FOREIGN.split_whitespace().filter(|it| it.starts_with("system_"));
    let unknown: Vec<_> = of_host.filter(|it| !readme.contains(&format!("`{it}`"))).collect();

    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_alert_queries_the_metric_of_its_threshold() {
    let recorded = recorded();
    for rule in files::alerts().iter().filter(|it| it.name != files::WATCHDOG) {
        let mut seen = names(&rule.query);
        let mut open: Vec<_> = seen.iter().cloned().collect();
        while let Some(name) = open.pop() {
            let parts = recorded.get(&name).into_iter().flatten();
            open.extend(parts.filter(|&it| seen.insert(it.clone())).cloned());
        }

        let metric = thresholds::for_alert(&rule.name).unwrap().metric;
        let is_seen = seen.iter().any(|it| {
            it.strip_prefix(metric)
                .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
        });
        assert!(is_seen, "{}: {metric} is not in {seen:?}", rule.name);
    }
}

#[test]
fn the_label_value_ratios_divide_by_the_caps_of_the_catalogue() {
    let rules = files::read("collector/prometheus/rules/service.recording.yaml");
    for label in [
        catalog::labels::Endpoint::LABEL,
        catalog::labels::Model::LABEL,
        catalog::labels::Stage::LABEL,
    ] {
        let name = label.prometheus_name;
        let counted = format!("by (job, instance, {name}) (");
        let line = rules.lines().find(|it| it.contains(&counted)).unwrap();
        assert!(line.ends_with(&format!("/ {}", label.cap)), "{line} is not by {}", label.cap);
    }
}

#[test]
fn the_latency_objective_uses_a_bucket_bound_and_so_does_its_dashboard() {
    let rules = files::read("collector/prometheus/rules/slo.recording.yaml");
    let bound = rules.split("le=~\"").nth(1).and_then(|it| it.split("([.]0)?").next()).unwrap();

    let bounds = catalog::REQUEST_DURATION.metric().bounds();
    assert!(bounds.contains(&bound.parse().unwrap()), "{bound}");
    let matcher = format!("le=~\"{bound}([.]0)?\"");
    let dashboards = dashboards::all();
    let slo = dashboards.iter().find(|it| it.name == "slo.json").unwrap();
    assert!(files::queries(&slo.json).iter().any(|it| it.contains(&matcher)), "{matcher}");
}
