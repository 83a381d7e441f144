//! The servers of the pipeline: what each says of itself.

use super::{
    limits,
    overriding::Override,
    panel::{Panel, View},
    query::finite,
    unit::Unit,
};

const NO_COLLECTOR: &str = "No collector is scraped, or the recording rules are not loaded";
const NO_PROMETHEUS: &str = "Prometheus does not scrape itself";
const NO_ALERTMANAGER: &str = "No Alertmanager is scraped";

/// A counter's growth a second. These names are one program's alone: no job needs to be told.
fn rate(name: &str, by: &str) -> String {
    format!("sum by ({by}) (rate({name}[$__rate_interval]))")
}

pub(super) fn collector() -> Vec<Panel> {
    let by = |series: &str, labels: &str| format!("sum by ({labels}) ({series})");
    vec![
        Panel::new(View::Stacked, "Accepted", Unit::PerSecond, NO_COLLECTOR)
            .about("Spans, data points and log records that receivers took, by five-minute rates.")
            .query(by("otelcol:receiver_accepted:rate5m", "receiver, signal"), "{{receiver}} {{signal}}"),
        Panel::new(View::Lines, "Refused", Unit::PerSecond, NO_COLLECTOR)
            .about("What receivers sent back: the memory limiter or a full queue said no. Senders keep it and try again, until their own queues are full.")
            .query(by("otelcol:receiver_refused:rate5m", "receiver, signal"), "{{receiver}} {{signal}}")
            .query(by("otelcol:memory_limiter_refused:rate5m", "signal"), "memory limiter {{signal}}")
            .none_because_of(limits::REFUSED),
        Panel::new(View::Stacked, "Sent", Unit::PerSecond, NO_COLLECTOR)
            .about("What exporters delivered. Less than was accepted, for long: the queue grows.")
            .query(by("otelcol:exporter_sent:rate5m", "exporter, signal"), "{{exporter}} {{signal}}"),
        Panel::new(View::Lines, "Lost", Unit::PerSecond, "Nothing was lost")
            .about("What exporters gave up, and what did not fit into their queues. This is gone.")
            .query(by("otelcol:exporter_send_failed:rate5m", "exporter, signal"), "failed {{exporter}} {{signal}}")
            .query(by("otelcol:exporter_enqueue_failed:rate5m", "exporter, signal"), "queue full {{exporter}} {{signal}}")
            .none_because_of(limits::LOST),
        Panel::new(View::Lines, "Queue", Unit::Ratio, NO_COLLECTOR)
            .about("How full each exporter's queue is. It fills when what is behind it is slow or away.")
            .query(
                "max by (instance, exporter, data_type) (otelcol:exporter_queue:ratio)".to_owned(),
                "{{instance}} {{exporter}} {{data_type}}",
            )
            .alerts(limits::QUEUE)
            .max(1.0),
        Panel::new(View::Lines, "Memory of the collector", Unit::Bytes, NO_COLLECTOR)
            .about("Resident. The memory limiter refuses data at four fifths of STAGELIGHT_COLLECTOR_MEMORY_MIB, 512 MiB by default.")
            .query("otelcol:process_memory_rss:bytes".to_owned(), "{{instance}}"),
        Panel::new(View::Lines, "Processor time of the collector", Unit::Count, NO_COLLECTOR)
            .about("Cores that it keeps busy, by five-minute rates.")
            .query("otelcol:process_cpu:rate5m".to_owned(), "{{instance}}"),
    ]
}

pub(super) fn prometheus() -> Vec<Panel> {
    vec![
        Panel::new(View::Table, "Scraped targets", Unit::Count, NO_PROMETHEUS)
            .about("1 is up, 0 is down. Services that push are not here.")
            .query("min by (job, instance) (up)".to_owned(), "")
            .column("job", "Job")
            .column("instance", "Instance")
            .column("Value", "Up")
            .floor(0.5, 1.0)
            .overriding(Override::of_column("Up").colored()),
        Panel::new(View::Stacked, "Samples taken in", Unit::PerSecond, NO_PROMETHEUS)
            .about("By kind. None at all: nothing is pushed or scraped.")
            .query(rate("prometheus_tsdb_head_samples_appended_total", "type"), "{{type}}"),
        Panel::new(View::Lines, "Samples refused", Unit::PerSecond, NO_PROMETHEUS)
            .about("Older than the out-of-order window, or than all that is kept. Somebody's clock is wrong, or the collector was cut off for longer than the window.")
            .query(rate("prometheus_tsdb_too_old_samples_total", "type"), "too old: {{type}}")
            .query(rate("prometheus_tsdb_out_of_bound_samples_total", "type"), "out of bounds: {{type}}")
            .query(rate("prometheus_tsdb_out_of_order_samples_total", "type"), "out of order: {{type}}")
            .none_because_of(limits::SAMPLES),
        Panel::new(View::Lines, "Series in memory", Unit::Count, NO_PROMETHEUS)
            .about("About 4 KiB each. A staircase is a label whose values never end, or a service that restarts all the time.")
            .query("max by (instance) (prometheus_tsdb_head_series)".to_owned(), "{{instance}}"),
        Panel::new(View::Lines, "Exemplars", Unit::Ratio, NO_PROMETHEUS)
            .about("Used part of the ring that keeps them. Full is normal: the oldest make room. Zero: Prometheus was started without --enable-feature=exemplar-storage.")
            .query(
                "max by (instance) (prometheus_tsdb_exemplar_exemplars_in_storage) / max by (instance) (prometheus_tsdb_exemplar_max_exemplars)".to_owned(),
                "{{instance}}",
            )
            .max(1.0),
        Panel::new(View::Lines, "Rules that failed or were late", Unit::PerSecond, NO_PROMETHEUS)
            .about("Alerts and recorded series depend on them. Should be none.")
            .query(rate("prometheus_rule_evaluation_failures_total", "rule_group"), "failed {{rule_group}}")
            .query(rate("prometheus_rule_group_iterations_missed_total", "rule_group"), "missed {{rule_group}}")
            .none_because_of(limits::RULES),
        Panel::new(View::Lines, "Time of rules, in parts of their interval", Unit::Ratio, NO_PROMETHEUS)
            .about("A group that takes longer than its interval is late from then on.")
            .query(
                "max by (rule_group) (prometheus_rule_group_last_duration_seconds) / max by (rule_group) (prometheus_rule_group_interval_seconds)".to_owned(),
                "{{rule_group}}",
            )
            .limits(0.5, 1.0),
        Panel::new(View::Lines, "Queries (p95)", Unit::Seconds, NO_PROMETHEUS)
            .about("By what takes the time. Dashboards over long ranges are the usual cause.")
            .query(
                finite("histogram_quantile(0.95, sum by (le, slice) (rate(prometheus_engine_query_duration_histogram_seconds_bucket[$__rate_interval])))"),
                "{{slice}}",
            )
            .limits(1.0, 10.0),
        Panel::new(View::Stacked, "Disk", Unit::Bytes, NO_PROMETHEUS)
            .about("Blocks, and the log of what is not in a block yet.")
            .query("sum(prometheus_tsdb_storage_blocks_bytes)".to_owned(), "blocks")
            .query("sum(prometheus_tsdb_wal_storage_size_bytes)".to_owned(), "write-ahead log")
            .query("sum(prometheus_tsdb_head_chunks_storage_size_bytes)".to_owned(), "head"),
        Panel::new(View::Lines, "Alerts that Alertmanager did not get", Unit::PerSecond, NO_PROMETHEUS)
            .about("Dropped after all attempts, or failed once. While there are any, silence means nothing.")
            .query(rate("prometheus_notifications_dropped_total", "instance"), "dropped {{instance}}")
            .query(rate("prometheus_notifications_errors_total", "instance"), "errors {{instance}}")
            .none_because_of(limits::TO_ALERTMANAGER),
    ]
}

pub(super) fn alertmanager() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Alerts", Unit::Count, NO_ALERTMANAGER)
            .about("Active, or suppressed by a silence or by a graver alert of the same cause.")
            .query("max by (state) (alertmanager_alerts)".to_owned(), "{{state}}"),
        Panel::new(View::Lines, "Notifications", Unit::PerSecond, NO_ALERTMANAGER)
            .about("Sent to each kind of receiver.")
            .query(rate("alertmanager_notifications_total", "integration"), "{{integration}}"),
        Panel::new(View::Lines, "Notifications that failed", Unit::PerSecond, NO_ALERTMANAGER)
            .about("By kind of receiver and reason: nobody was told. authError is a wrong secret.")
            .query(rate("alertmanager_notifications_failed_total", "integration, reason"), "{{integration}} {{reason}}")
            .none_because_of(limits::NOTIFICATIONS),
        Panel::new(View::Lines, "Notification time (p95)", Unit::Seconds, NO_ALERTMANAGER)
            .about("How long receivers take to accept one.")
            .query(
                finite("histogram_quantile(0.95, sum by (le, integration) (rate(alertmanager_notification_latency_seconds_bucket[$__rate_interval])))"),
                "{{integration}}",
            )
            .limits(1.0, 10.0),
        Panel::new(View::Stats, "Silences", Unit::Count, NO_ALERTMANAGER)
            .about("By state. A silence that nobody remembers hides the next incident.")
            .query("max by (state) (alertmanager_silences)".to_owned(), "{{state}}"),
    ]
}
