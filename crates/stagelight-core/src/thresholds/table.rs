//! The numbers.

use std::time::Duration;

use super::{
    Comparison::{Above, Below, Equal},
    Severity::{self, Critical, Warning},
    Source::{self, Metric, Outside, Store},
    Statistic::{self, Age, BurnRate, Increase, Level, P95, Rate, Ratio},
    Threshold,
};
use crate::catalog;

const REQUEST: Source = Metric(&catalog::REQUEST.metrics[0]);
const TTFB: Source = Metric(&catalog::BACKEND.metrics[0]);
const STREAMING: Source = Metric(&catalog::BACKEND.metrics[1]);
const FRONTEND: Source = Metric(&catalog::FRONTEND.metrics[0]);
const CANCELLED: Source = Metric(&catalog::STREAM_RESPONSE.metrics[catalog::STREAM_CANCELLED]);
const POINTS: Source = Metric(&catalog::METRIC_EXPORTER.metrics[0]);
const SPANS_SENT: Source = Metric(&catalog::SPAN_EXPORTER.metrics[0]);
const SPANS_QUEUED: Source = Metric(&catalog::SPAN_PROCESSOR.metrics[0]);
const SPAN_QUEUE: Source = Metric(&catalog::SPAN_QUEUE.metrics[catalog::SPAN_QUEUE_SIZE]);
const DROPPED: Source = Metric(&catalog::DROPPED.metrics[0]);
const UP: Source = Outside("up");
const MEMORY: Source = Outside("system_linux_memory_available_bytes");
const CPU: Source = Outside("system_cpu_time_seconds_total");
const DISK: Source = Outside("system_filesystem_utilization_ratio");
const PUSHES: Source = Outside("prometheus_http_requests_total");
const QUEUE: Source = Outside("otelcol:exporter_queue:ratio");

/// Every threshold, grouped as the rule files are.
pub static ALL: [Threshold; 48] = [
    // The four that users bring with them.
    warning("HighBackendTTFB", P95, TTFB).above(2.0).minutes(5),
    critical("CriticalBackendTTFB", P95, TTFB).above(3.0).minutes(2),
    warning("HighStreamingDuration", P95, STREAMING).above(1.5).minutes(5),
    warning("HighFrontendProcessing", P95, FRONTEND).above(0.01).minutes(5),
    // Whether the service is up, fast and right.
    critical("ServiceDown", Level, UP).equal(0.0).minutes(2),
    warning("HighRequestLatency", P95, REQUEST).above(0.5).of_at_least(10).minutes(10),
    critical("CriticalRequestLatency", P95, REQUEST).above(5.0).of_at_least(10).minutes(5),
    warning("HighErrorRate", Ratio, REQUEST).above(0.01).of_at_least(5).minutes(5),
    critical("CriticalErrorRate", Ratio, REQUEST).above(0.05).of_at_least(5).minutes(2),
    warning("SlowStreams", P95, STREAMING).above(2.5).of_at_least(10).minutes(10),
    warning("ManyCancelledStreams", Ratio, CANCELLED).above(0.1).of_at_least(5).minutes(10),
    // Whether the machine has room.
    warning("HighMemory", Ratio, MEMORY).above(0.8).minutes(15),
    critical("CriticalMemory", Ratio, MEMORY).above(0.9).minutes(5),
    warning("HighCpu", Ratio, CPU).above(0.8).minutes(15),
    critical("CriticalCpu", Ratio, CPU).above(0.9).minutes(10),
    warning("DiskAlmostFull", Ratio, DISK).above(0.9).minutes(15),
    // How fast the error budgets burn; the objectives themselves are in `slo.recording.yaml`.
    critical("ErrorBudgetGoneIn2Days", BurnRate, REQUEST).above(14.4).of_at_least(10).minutes(2),
    critical("ErrorBudgetGoneIn5Days", BurnRate, REQUEST).above(6.0).of_at_least(10).minutes(15),
    warning("ErrorBudgetGoneIn10Days", BurnRate, REQUEST).above(3.0).of_at_least(10).minutes(60),
    warning("ErrorBudgetGoneIn30Days", BurnRate, REQUEST).above(1.0).of_at_least(10).minutes(180),
    // Whether what services measure comes in whole.
    critical("ServiceStoppedExporting", Age, POINTS).above(180.0).minutes(2),
    warning("ServiceExportsFail", Ratio, POINTS).above(0.1).minutes(5),
    warning("SpansDropped", Ratio, SPANS_QUEUED).above(0.01).minutes(5),
    warning("SpansNotDelivered", Ratio, SPANS_SENT).above(0.01).minutes(5),
    warning("SpanQueueFilling", Ratio, SPAN_QUEUE).above(0.8).minutes(5),
    warning("MeasurementsDropped", Rate, DROPPED).above(0.0).minutes(10),
    warning("CardinalityLimitReached", Rate, DROPPED).above(0.0).minutes(5),
    warning("CardinalityNearLimit", Ratio, Store).above(0.8).minutes(10),
    warning("LabelValuesNearLimit", Ratio, Store).above(0.8).minutes(10),
    // Whether the collector takes what it is sent and gets rid of it.
    critical("CollectorDown", Level, UP).equal(0.0).minutes(1),
    warning("CollectorRefuses", Rate, Outside("otelcol:receiver_refused:rate5m"))
        .above(0.0)
        .minutes(5),
    critical("CollectorOutOfMemory", Rate, Outside("otelcol:memory_limiter_refused:rate5m"))
        .above(0.0)
        .minutes(2),
    warning("CollectorQueueFilling", Ratio, QUEUE).above(0.5).minutes(10),
    critical("CollectorQueueFull", Ratio, QUEUE).above(0.95).minutes(1),
    critical("CollectorEnqueueFails", Rate, Outside("otelcol:exporter_enqueue_failed:rate5m"))
        .above(0.0)
        .minutes(1),
    critical("CollectorSendFails", Rate, Outside("otelcol:exporter_send_failed:rate5m"))
        .above(0.0)
        .minutes(5),
    critical("CollectorDeliversNothing", Rate, Outside("otelcol:receiver_accepted:rate5m"))
        .above(0.0)
        .minutes(5),
    // Whether Prometheus and Alertmanager do their part.
    critical("PrometheusDown", Level, UP).equal(0.0).minutes(2),
    critical("PrometheusReceivesNothing", Rate, PUSHES).equal(0.0).minutes(1),
    warning("PrometheusRefusesPushes", Ratio, PUSHES).above(0.05).minutes(5),
    warning(
        "PrometheusRejectsSamples",
        Rate,
        Outside("prometheus_tsdb_out_of_order_samples_total"),
    )
    .above(0.0)
    .minutes(10),
    critical("PrometheusConfigInvalid", Level, Outside("prometheus_config_last_reload_successful"))
        .equal(0.0)
        .minutes(5),
    critical("PrometheusRulesFail", Increase, Outside("prometheus_rule_evaluation_failures_total"))
        .above(0.0)
        .minutes(5),
    critical(
        "PrometheusNoAlertmanager",
        Level,
        Outside("prometheus_notifications_alertmanagers_discovered"),
    )
    .below(1.0)
    .minutes(5),
    critical(
        "PrometheusNotificationsFail",
        Ratio,
        Outside("prometheus_notifications_errors_total"),
    )
    .above(0.01)
    .minutes(5),
    critical("AlertmanagerDown", Level, UP).equal(0.0).minutes(2),
    critical(
        "AlertmanagerConfigInvalid",
        Level,
        Outside("alertmanager_config_last_reload_successful"),
    )
    .equal(0.0)
    .minutes(5),
    critical(
        "AlertmanagerNotificationsFail",
        Ratio,
        Outside("alertmanager_notifications_failed_total"),
    )
    .above(0.01)
    .minutes(5),
];

const fn warning(alert: &'static str, statistic: Statistic, source: Source) -> Threshold {
    new(alert, Warning, statistic, source)
}

const fn critical(alert: &'static str, statistic: Statistic, source: Source) -> Threshold {
    new(alert, Critical, statistic, source)
}

const fn new(
    alert: &'static str,
    severity: Severity,
    statistic: Statistic,
    source: Source,
) -> Threshold {
    let (comparison, value, at_least, hold) = (Above, 0.0, 0, Duration::ZERO);
    Threshold { alert, source, statistic, comparison, value, at_least, hold, severity }
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

    const fn of_at_least(self, at_least: u32) -> Self {
        Self { at_least, ..self }
    }

    const fn minutes(self, minutes: u64) -> Self {
        Self { hold: Duration::from_secs(60 * minutes), ..self }
    }
}
