//! The servers of the telemetry pipeline, by their own metrics.

use super::{
    common::QUEUE_ALERTS,
    overrides::Override,
    panel::Panel,
    query::{finite, rate_by, sum_by},
    unit::Unit,
    view::View::{Lines, Stacked, Stats, Table},
};

const NO_COLLECTOR: &str = "Prometheus scrapes no collector, or the recording rules are not loaded";
const NO_PROMETHEUS: &str = "Prometheus does not scrape itself";
const NO_ALERTMANAGER: &str = "Prometheus scrapes no Alertmanager";

/// p95 of another program's histogram by a label.
fn p95_by(label: &str, histogram: &str) -> String {
    let buckets = rate_by(&format!("le, {label}"), &format!("{histogram}_bucket"));
    finite(&format!("histogram_quantile(0.95, {buckets})"))
}

pub(super) fn collector() -> Vec<Panel> {
    let by_receiver = |series: &str| sum_by("receiver, signal", series);
    let by_exporter = |series: &str| sum_by("exporter, signal", series);
    vec![
        Panel::new(Stacked, "Accepted", Unit::PerSecond, NO_COLLECTOR)
            .description("Spans, data points and log records accepted by receivers, over 5 min.")
            .query(by_receiver("otelcol:receiver_accepted:rate5m"), "{{receiver}} {{signal}}"),
        Panel::new(Lines, "Refused", Unit::PerSecond, NO_COLLECTOR)
            .description(
                "Refused by receivers because of the memory limiter or a full queue. Senders retry \
                 until their own queues are full.",
            )
            .query(by_receiver("otelcol:receiver_refused:rate5m"), "{{receiver}} {{signal}}")
            .query(
                sum_by("signal", "otelcol:memory_limiter_refused:rate5m"),
                "memory limiter {{signal}}",
            )
            .alerts_above_zero(&["CollectorRefuses", "CollectorOutOfMemory"]),
        Panel::new(Stacked, "Sent", Unit::PerSecond, NO_COLLECTOR)
            .description("Sent by exporters. If it stays below accepted, the queue grows.")
            .query(by_exporter("otelcol:exporter_sent:rate5m"), "{{exporter}} {{signal}}"),
        Panel::new(Lines, "Lost", Unit::PerSecond, "No losses")
            .description("Given up by exporters, or rejected by their full queues.")
            .query(
                by_exporter("otelcol:exporter_send_failed:rate5m"),
                "failed {{exporter}} {{signal}}",
            )
            .query(
                by_exporter("otelcol:exporter_enqueue_failed:rate5m"),
                "queue full {{exporter}} {{signal}}",
            )
            .alerts_above_zero(&["CollectorSendFails", "CollectorEnqueueFails"]),
        Panel::new(Lines, "Queue", Unit::Ratio, NO_COLLECTOR)
            .description(
                "Fill level of each exporter's queue. It grows while the destination is slow or \
                 unreachable.",
            )
            .query(
                "max by (instance, exporter, data_type) (otelcol:exporter_queue:ratio)",
                "{{instance}} {{exporter}} {{data_type}}",
            )
            .alerts(QUEUE_ALERTS)
            .max(1.0),
        Panel::new(Lines, "Collector memory", Unit::Bytes, NO_COLLECTOR)
            .description(
                "Resident memory. The memory limiter refuses data at 80 % of \
                 STAGELIGHT_COLLECTOR_MEMORY_MIB (default 512 MiB).",
            )
            .query("otelcol:process_memory_rss:bytes", "{{instance}}"),
        Panel::new(Lines, "Collector CPU", Unit::Count, NO_COLLECTOR)
            .description("Cores in use, over 5 min.")
            .query("otelcol:process_cpu:rate5m", "{{instance}}"),
    ]
}

pub(super) fn prometheus() -> Vec<Panel> {
    [ingestion(), evaluation()].concat()
}

fn ingestion() -> Vec<Panel> {
    let by_type = |counter: &str| rate_by("type", counter);
    let exemplars = "max by (instance) (prometheus_tsdb_exemplar_exemplars_in_storage) \
                     / max by (instance) (prometheus_tsdb_exemplar_max_exemplars)";
    vec![
        Panel::new(Table, "Scraped targets", Unit::Count, NO_PROMETHEUS)
            .description("1 is up, 0 is down. Services that push are not listed.")
            .query("min by (job, instance) (up)", "")
            .columns(&[("job", "Job"), ("instance", "Instance"), ("Value", "Up")])
            .lower_limits(0.5, 1.0)
            .with_override(Override::for_column("Up").colored()),
        Panel::new(Stacked, "Samples ingested", Unit::PerSecond, NO_PROMETHEUS)
            .description("By type. None means that nothing is pushed or scraped.")
            .query(by_type("prometheus_tsdb_head_samples_appended_total"), "{{type}}"),
        Panel::new(Lines, "Samples rejected", Unit::PerSecond, NO_PROMETHEUS)
            .description(
                "Older than the out-of-order window or than the retention. A clock is wrong, or \
                 the collector was disconnected for longer than the window.",
            )
            .query(by_type("prometheus_tsdb_too_old_samples_total"), "too old: {{type}}")
            .query(by_type("prometheus_tsdb_out_of_bound_samples_total"), "out of bounds: {{type}}")
            .query(by_type("prometheus_tsdb_out_of_order_samples_total"), "out of order: {{type}}")
            .alerts_above_zero(&["PrometheusRejectsSamples"]),
        Panel::new(Lines, "Series in memory", Unit::Count, NO_PROMETHEUS)
            .description(
                "About 4 KiB each. Steps indicate a label with unbounded values, or a service that \
                 restarts repeatedly.",
            )
            .query("max by (instance) (prometheus_tsdb_head_series)", "{{instance}}"),
        Panel::new(Lines, "Exemplars", Unit::Ratio, NO_PROMETHEUS)
            .description(
                "Fill level of the exemplar ring. Full is normal: the oldest are replaced. Zero \
                 means that Prometheus runs without --enable-feature=exemplar-storage.",
            )
            .query(exemplars, "{{instance}}")
            .max(1.0),
    ]
}

fn evaluation() -> Vec<Panel> {
    let duration = "max by (rule_group) (prometheus_rule_group_last_duration_seconds) \
                    / max by (rule_group) (prometheus_rule_group_interval_seconds)";
    let by_group = |counter: &str| rate_by("rule_group", counter);
    let by_instance = |counter: &str| rate_by("instance", counter);
    vec![
        Panel::new(Lines, "Failed or missed rule evaluations", Unit::PerSecond, NO_PROMETHEUS)
            .description("Alerts and recorded series depend on the rules. Should be 0.")
            .query(by_group("prometheus_rule_evaluation_failures_total"), "failed {{rule_group}}")
            .query(
                by_group("prometheus_rule_group_iterations_missed_total"),
                "missed {{rule_group}}",
            )
            .alerts_above_zero(&["PrometheusRulesFail"]),
        Panel::new(Lines, "Rule duration relative to interval", Unit::Ratio, NO_PROMETHEUS)
            .description("A group above 100 % misses evaluations.")
            .query(duration, "{{rule_group}}")
            .limits(0.5, 1.0),
        Panel::new(Lines, "Query duration (p95)", Unit::Seconds, NO_PROMETHEUS)
            .description("By phase. Dashboards over long time ranges are the usual cause.")
            .query(
                p95_by("slice", "prometheus_engine_query_duration_histogram_seconds"),
                "{{slice}}",
            )
            .limits(1.0, 10.0),
        Panel::new(Stacked, "Disk", Unit::Bytes, NO_PROMETHEUS)
            .description("Blocks, and the write-ahead log of samples that are in no block yet.")
            .query("sum(prometheus_tsdb_storage_blocks_bytes)", "blocks")
            .query("sum(prometheus_tsdb_wal_storage_size_bytes)", "write-ahead log")
            .query("sum(prometheus_tsdb_head_chunks_storage_size_bytes)", "head"),
        Panel::new(Lines, "Alerts not sent to Alertmanager", Unit::PerSecond, NO_PROMETHEUS)
            .description(
                "Dropped after all attempts, or failed once. Until this is fixed, alerts fire \
                 without notification.",
            )
            .query(by_instance("prometheus_notifications_dropped_total"), "dropped {{instance}}")
            .query(by_instance("prometheus_notifications_errors_total"), "errors {{instance}}")
            .alerts_above_zero(&["PrometheusNotificationsFail"]),
    ]
}

pub(super) fn alertmanager() -> Vec<Panel> {
    vec![
        Panel::new(Stacked, "Alerts", Unit::Count, NO_ALERTMANAGER)
            .description("Active, or suppressed by a silence or an inhibiting alert.")
            .query("max by (state) (alertmanager_alerts)", "{{state}}"),
        Panel::new(Lines, "Notifications", Unit::PerSecond, NO_ALERTMANAGER)
            .description("By integration.")
            .query(rate_by("integration", "alertmanager_notifications_total"), "{{integration}}"),
        Panel::new(Lines, "Failed notifications", Unit::PerSecond, NO_ALERTMANAGER)
            .description("By integration and reason. authError means a wrong secret.")
            .query(
                rate_by("integration, reason", "alertmanager_notifications_failed_total"),
                "{{integration}} {{reason}}",
            )
            .alerts_above_zero(&["AlertmanagerNotificationsFail"]),
        Panel::new(Lines, "Notification latency (p95)", Unit::Seconds, NO_ALERTMANAGER)
            .description("Time until the receiver accepts a notification.")
            .query(
                p95_by("integration", "alertmanager_notification_latency_seconds"),
                "{{integration}}",
            )
            .limits(1.0, 10.0),
        Panel::new(Stats, "Silences", Unit::Count, NO_ALERTMANAGER)
            .description("By state. A forgotten silence hides the next incident.")
            .query("max by (state) (alertmanager_silences)", "{{state}}"),
    ]
}
