//! The numbers.

use std::time::Duration;

use super::{
    Comparison::{Above, Below, Equal},
    Severity::{self, Critical, Warning},
    Statistic::{self, Age, BurnRate, Increase, Level, P95, Rate, Ratio},
    Threshold,
};

const REQUEST: &str = "request_duration_seconds";
const TTFB: &str = "backend_ttfb_seconds";
const BACKEND_ERRORS: &str = "request_stage_errors_total";
const STREAMING: &str = "streaming_duration_seconds";
const DROPPED: &str = "stagelight_dropped_total";
const POINTS: &str = "otel_sdk_exporter_metric_data_point_exported_total";
const UP: &str = "up";
const MEMORY: &str = "system_linux_memory_available_bytes";
const CPU: &str = "system_cpu_time_seconds_total";
const PUSHES: &str = "prometheus_http_requests_total";
const QUEUE: &str = "otelcol:exporter_queue:ratio";

/// All thresholds, grouped like the rule files.
pub static ALL: [Threshold; 50] = [
    // The four stage alerts of the metric contract.
    warning("HighBackendTTFB", P95, TTFB).above(2.0).minutes(5),
    critical("CriticalBackendTTFB", P95, TTFB).above(3.0).minutes(2),
    warning("HighStreamingDuration", P95, STREAMING).above(1.5).minutes(5),
    warning("HighFrontendProcessing", P95, "frontend_processing_seconds").above(0.01).minutes(5),
    // The service: availability, latency, errors.
    critical("ServiceDown", Level, UP).equal(0.0).minutes(2),
    warning("HighRequestLatency", P95, REQUEST).above(0.5).min_events(10).minutes(10),
    critical("CriticalRequestLatency", P95, REQUEST).above(5.0).min_events(10).minutes(5),
    warning("HighErrorRate", Ratio, REQUEST).above(0.01).min_events(5).minutes(5),
    critical("CriticalErrorRate", Ratio, REQUEST).above(0.05).min_events(5).minutes(2),
    warning("HighBackendErrorRate", Ratio, BACKEND_ERRORS).above(0.1).min_events(5).minutes(5),
    critical("CriticalBackendErrorRate", Ratio, BACKEND_ERRORS).above(0.3).min_events(5).minutes(2),
    warning("SlowStreams", P95, STREAMING).above(2.5).min_events(10).minutes(10),
    warning("ManyCancelledStreams", Ratio, "streaming_response_cancelled_total")
        .above(0.1)
        .min_events(5)
        .minutes(10),
    // The host: memory, CPU, disk.
    warning("HighMemory", Ratio, MEMORY).above(0.8).minutes(15),
    critical("CriticalMemory", Ratio, MEMORY).above(0.9).minutes(5),
    warning("HighCpu", Ratio, CPU).above(0.8).minutes(15),
    critical("CriticalCpu", Ratio, CPU).above(0.9).minutes(10),
    warning("DiskAlmostFull", Ratio, "system_filesystem_utilization_ratio").above(0.9).minutes(15),
    // Burn rates of the error budgets. `slo.recording.yaml` defines the objectives.
    critical("ErrorBudgetGoneIn2Days", BurnRate, REQUEST).above(14.4).min_events(10).minutes(2),
    critical("ErrorBudgetGoneIn5Days", BurnRate, REQUEST).above(6.0).min_events(10).minutes(15),
    warning("ErrorBudgetGoneIn10Days", BurnRate, REQUEST).above(3.0).min_events(10).minutes(60),
    warning("ErrorBudgetGoneIn30Days", BurnRate, REQUEST).above(1.0).min_events(10).minutes(180),
    // Telemetry: exports of the services, dropped measurements.
    critical("ServiceStoppedExporting", Age, POINTS).above(180.0).minutes(2),
    warning("ServiceExportsFail", Ratio, POINTS).above(0.1).minutes(5),
    warning("SpansDropped", Ratio, "otel_sdk_processor_span_processed_total")
        .above(0.01)
        .minutes(5),
    warning("SpansNotDelivered", Ratio, "otel_sdk_exporter_span_exported_total")
        .above(0.01)
        .minutes(5),
    warning("SpanQueueFilling", Ratio, "otel_sdk_processor_span_queue_size").above(0.8).minutes(5),
    warning("MeasurementsDropped", Rate, DROPPED).above(0.0).minutes(10),
    warning("CardinalityLimitReached", Rate, DROPPED).above(0.0).minutes(5),
    warning("CardinalityNearLimit", Ratio, "job_instance_family:stagelight_series:ratio")
        .above(0.8)
        .minutes(10),
    warning("LabelValuesNearLimit", Ratio, "job_instance_label:stagelight_values:ratio")
        .above(0.8)
        .minutes(10),
    // The collector.
    critical("CollectorDown", Level, UP).equal(0.0).minutes(1),
    warning("CollectorRefuses", Rate, "otelcol:receiver_refused:rate5m").above(0.0).minutes(5),
    critical("CollectorOutOfMemory", Rate, "otelcol:memory_limiter_refused:rate5m")
        .above(0.0)
        .minutes(2),
    warning("CollectorQueueFilling", Ratio, QUEUE).above(0.5).minutes(10),
    critical("CollectorQueueFull", Ratio, QUEUE).above(0.95).minutes(1),
    critical("CollectorEnqueueFails", Rate, "otelcol:exporter_enqueue_failed:rate5m")
        .above(0.0)
        .minutes(1),
    critical("CollectorSendFails", Rate, "otelcol:exporter_send_failed:rate5m")
        .above(0.0)
        .minutes(5),
    critical("CollectorDeliversNothing", Rate, "otelcol:receiver_accepted:rate5m")
        .above(0.0)
        .minutes(5),
    // Prometheus and Alertmanager.
    critical("PrometheusDown", Level, UP).equal(0.0).minutes(2),
    critical("PrometheusReceivesNothing", Rate, PUSHES).equal(0.0).minutes(1),
    warning("PrometheusRefusesPushes", Ratio, PUSHES).above(0.05).minutes(5),
    warning("PrometheusRejectsSamples", Rate, "prometheus_tsdb_out_of_order_samples_total")
        .above(0.0)
        .minutes(10),
    critical("PrometheusConfigInvalid", Level, "prometheus_config_last_reload_successful")
        .equal(0.0)
        .minutes(5),
    critical("PrometheusRulesFail", Increase, "prometheus_rule_evaluation_failures_total")
        .above(0.0)
        .minutes(5),
    critical(
        "PrometheusNoAlertmanager",
        Level,
        "prometheus_notifications_alertmanagers_discovered",
    )
    .below(1.0)
    .minutes(5),
    critical("PrometheusNotificationsFail", Ratio, "prometheus_notifications_errors_total")
        .above(0.01)
        .minutes(5),
    critical("AlertmanagerDown", Level, UP).equal(0.0).minutes(2),
    critical("AlertmanagerConfigInvalid", Level, "alertmanager_config_last_reload_successful")
        .equal(0.0)
        .minutes(5),
    critical("AlertmanagerNotificationsFail", Ratio, "alertmanager_notifications_failed_total")
        .above(0.01)
        .minutes(5),
];

const fn warning(alert: &'static str, statistic: Statistic, metric: &'static str) -> Threshold {
    new(alert, Warning, statistic, metric)
}

const fn critical(alert: &'static str, statistic: Statistic, metric: &'static str) -> Threshold {
    new(alert, Critical, statistic, metric)
}

const fn new(
    alert: &'static str,
    severity: Severity,
    statistic: Statistic,
    metric: &'static str,
) -> Threshold {
    let (comparison, value, min_events, hold) = (Above, 0.0, 0, Duration::ZERO);
    Threshold { alert, metric, statistic, comparison, value, min_events, hold, severity }
}

// === impl Threshold ===

impl Threshold {
    const fn above(self, value: f64) -> Self {
        Self { comparison: Above, value, ..self }
    }

    const fn below(self, value: f64) -> Self {
        Self { comparison: Below, value, ..self }
    }

    const fn equal(self, value: f64) -> Self {
        Self { comparison: Equal, value, ..self }
    }

    const fn min_events(self, min_events: u32) -> Self {
        Self { min_events, ..self }
    }

    const fn minutes(self, minutes: u64) -> Self {
        Self { hold: Duration::from_secs(60 * minutes), ..self }
    }
}
