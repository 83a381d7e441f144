//! Where panels change their colour: where alerts fire.

use crate::thresholds::{self, Severity};

/// Names of alerts that judge one figure.
pub(super) type Alerts = &'static [&'static str];

pub(super) const BACKEND_TTFB: Alerts = &["HighBackendTTFB", "CriticalBackendTTFB"];
pub(super) const STREAMING: Alerts = &["HighStreamingDuration"];
pub(super) const FRONTEND: Alerts = &["HighFrontendProcessing"];
pub(super) const REQUEST: Alerts = &["HighRequestLatency", "CriticalRequestLatency"];
pub(super) const FAILED: Alerts = &["HighErrorRate", "CriticalErrorRate"];
pub(super) const CANCELLED: Alerts = &["ManyCancelledStreams"];
pub(super) const MEMORY: Alerts = &["HighMemory", "CriticalMemory"];
pub(super) const CPU: Alerts = &["HighCpu", "CriticalCpu"];
pub(super) const DISK: Alerts = &["DiskAlmostFull"];
pub(super) const BURN_2_DAYS: Alerts = &["ErrorBudgetGoneIn2Days"];
pub(super) const BURN_5_DAYS: Alerts = &["ErrorBudgetGoneIn5Days"];
pub(super) const BURN_10_DAYS: Alerts = &["ErrorBudgetGoneIn10Days"];
pub(super) const BURN_30_DAYS: Alerts = &["ErrorBudgetGoneIn30Days"];
pub(super) const EXPORT_AGE: Alerts = &["ServiceStoppedExporting"];
pub(super) const SPAN_QUEUE: Alerts = &["SpanQueueFilling"];
pub(super) const SERIES: Alerts = &["CardinalityNearLimit"];
pub(super) const QUEUE: Alerts = &["CollectorQueueFilling", "CollectorQueueFull"];
/// Alerts on what should not be at all: a little above zero, as a line.
pub(super) const SPANS_DROPPED: Alerts = &["SpansDropped"];
pub(super) const MEASUREMENTS_DROPPED: Alerts = &["MeasurementsDropped", "CardinalityLimitReached"];
pub(super) const REFUSED: Alerts = &["CollectorRefuses", "CollectorOutOfMemory"];
pub(super) const LOST: Alerts = &["CollectorSendFails", "CollectorEnqueueFails"];
pub(super) const RULES: Alerts = &["PrometheusRulesFail"];
pub(super) const SAMPLES: Alerts = &["PrometheusRejectsSamples"];
pub(super) const TO_ALERTMANAGER: Alerts = &["PrometheusNotificationsFail"];
pub(super) const NOTIFICATIONS: Alerts = &["AlertmanagerNotificationsFail"];

/// An answer that takes longer is a bad one: the bound of the objective "latency", in seconds.
pub(super) const SLO_LATENCY_SECS: u32 = 5;
/// What the service's own work should take at most, in seconds.
pub(super) const FRONTEND_SHOULD_SECS: f64 = 0.003;
/// What counts as more than none on a line, in events a second.
pub(super) const NONE: f64 = 0.001;

/// Returns from which value on each alert fires, and how grave it is; the mildest first.
pub(super) fn of(alerts: &[&str]) -> Vec<(f64, Severity)> {
    let found = alerts.iter().filter_map(|alert| thresholds::for_alert(alert));
    let mut limits: Vec<_> = found.map(|it| (it.value, it.severity)).collect();
    limits.sort_by(|a, b| a.0.total_cmp(&b.0));
    limits
}

/// Returns the gravest alert's value.
pub(super) fn last(alerts: &[&str]) -> f64 {
    of(alerts).last().map_or(f64::INFINITY, |it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_that_a_panel_names_has_a_threshold() {
        let all = [
            BACKEND_TTFB,
            STREAMING,
            FRONTEND,
            REQUEST,
            FAILED,
            CANCELLED,
            MEMORY,
            CPU,
            DISK,
            BURN_2_DAYS,
            BURN_5_DAYS,
            BURN_10_DAYS,
            BURN_30_DAYS,
            EXPORT_AGE,
            SPAN_QUEUE,
            SERIES,
            QUEUE,
            SPANS_DROPPED,
            MEASUREMENTS_DROPPED,
            REFUSED,
            LOST,
            RULES,
            SAMPLES,
            TO_ALERTMANAGER,
            NOTIFICATIONS,
        ];
        for alerts in all {
            assert_eq!(of(alerts).len(), alerts.len(), "{alerts:?}");
        }
    }
}
