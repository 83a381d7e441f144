//! Metrics of other programs that dashboards ask for, and the labels they have.

use super::labels::Labels;

const MACHINE: &[&str] = &["job", "instance", "host_name"];
const PROCESS: &[&str] =
    &["job", "instance", "host_name", "process_executable_name", "process_pid"];
const TARGET: &[&str] = &["job", "instance"];

/// Name, labels that all of its kind have, labels of its own.
const METRICS: &[(&str, &[&str], &[&str])] = &[
    // Prometheus makes these itself.
    ("up", TARGET, &[]),
    ("ALERTS", TARGET, &["alertname", "alertstate", "severity", "team"]),
    ("target_info", TARGET, &["service_version"]),
    // The collector's host_metrics receiver; the table in collector/README.md says so, too.
    ("system_cpu_time_seconds_total", MACHINE, &["state"]),
    ("system_cpu_logical_count", MACHINE, &[]),
    ("system_cpu_load_average_1m", MACHINE, &[]),
    ("system_cpu_load_average_5m", MACHINE, &[]),
    ("system_cpu_load_average_15m", MACHINE, &[]),
    ("system_memory_usage_bytes", MACHINE, &["state"]),
    ("system_memory_limit_bytes", MACHINE, &[]),
    ("system_linux_memory_available_bytes", MACHINE, &[]),
    ("system_filesystem_utilization_ratio", MACHINE, &["device", "mountpoint", "type", "mode"]),
    ("system_disk_io_bytes_total", MACHINE, &["device", "direction"]),
    ("system_disk_operations_total", MACHINE, &["device", "direction"]),
    ("system_disk_operation_time_seconds_total", MACHINE, &["device", "direction"]),
    ("system_disk_io_time_seconds_total", MACHINE, &["device"]),
    ("system_network_io_bytes_total", MACHINE, &["device", "direction"]),
    ("system_network_packets_total", MACHINE, &["device", "direction"]),
    ("system_network_errors_total", MACHINE, &["device", "direction"]),
    ("system_network_dropped_total", MACHINE, &["device", "direction"]),
    ("system_network_connections", MACHINE, &["protocol", "state"]),
    ("process_cpu_time_seconds_total", PROCESS, &["state"]),
    ("process_memory_usage_bytes", PROCESS, &[]),
    ("process_threads", PROCESS, &[]),
    ("process_uptime_seconds", PROCESS, &[]),
    ("process_disk_io_bytes_total", PROCESS, &["direction"]),
    ("process_open_file_descriptors", PROCESS, &[]),
    // Prometheus of itself.
    ("prometheus_tsdb_head_samples_appended_total", TARGET, &["type"]),
    ("prometheus_tsdb_too_old_samples_total", TARGET, &["type"]),
    ("prometheus_tsdb_out_of_bound_samples_total", TARGET, &["type"]),
    ("prometheus_tsdb_out_of_order_samples_total", TARGET, &["type"]),
    ("prometheus_tsdb_head_series", TARGET, &[]),
    ("prometheus_tsdb_exemplar_exemplars_in_storage", TARGET, &[]),
    ("prometheus_tsdb_exemplar_max_exemplars", TARGET, &[]),
    ("prometheus_rule_evaluation_failures_total", TARGET, &["rule_group"]),
    ("prometheus_rule_group_iterations_missed_total", TARGET, &["rule_group"]),
    ("prometheus_rule_group_last_duration_seconds", TARGET, &["rule_group"]),
    ("prometheus_rule_group_interval_seconds", TARGET, &["rule_group"]),
    ("prometheus_engine_query_duration_histogram_seconds_bucket", TARGET, &["slice", "le"]),
    ("prometheus_tsdb_storage_blocks_bytes", TARGET, &[]),
    ("prometheus_tsdb_wal_storage_size_bytes", TARGET, &[]),
    ("prometheus_tsdb_head_chunks_storage_size_bytes", TARGET, &[]),
    ("prometheus_notifications_dropped_total", TARGET, &[]),
    ("prometheus_notifications_errors_total", TARGET, &["alertmanager"]),
    // Alertmanager of itself.
    ("alertmanager_alerts", TARGET, &["state"]),
    ("alertmanager_silences", TARGET, &["state"]),
    ("alertmanager_notifications_total", TARGET, &["integration"]),
    ("alertmanager_notifications_failed_total", TARGET, &["integration", "reason"]),
    ("alertmanager_notification_latency_seconds_bucket", TARGET, &["integration", "le"]),
];

/// The collector's own metrics, which only recording rules ask for: dashboards ask for what those make of them.
const OF_COLLECTOR: &[&str] =
    &["job", "instance", "receiver", "transport", "exporter", "data_type"];

/// Returns each metric's name and labels.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Labels)> {
    let set = |labels: &[&str]| labels.iter().map(|&it| it.to_owned()).collect::<Labels>();
    METRICS.iter().map(move |(name, common, own)| (*name, &set(common) | &set(own)))
}

/// Returns the labels of the collector's own metrics, if this is one of them or a regular expression of some.
pub(super) fn of_collector(metric: &str) -> Option<Labels> {
    metric.starts_with("otelcol_").then(|| OF_COLLECTOR.iter().map(|&it| it.to_owned()).collect())
}
