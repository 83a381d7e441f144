//! What existing dashboards and alerts depend on: panel titles, their order, four alert rules.

use stagelight_bundle::dashboards;

use crate::files;

const STAGES: [&str; 7] = [
    "Backend API TTFB by Provider/Model (p50, p95, p99)",
    "Streaming Duration by Provider/Model (p50, p95, p99)",
    "Frontend Processing Time (p95, should be < 3 ms)",
    "Request Stage Breakdown (stacked)",
    "Time Distribution by Stage (%)",
    "Top 10 Slowest Backend TTFB",
    "Real-time Gauge Panels",
];

const OVERVIEW: [&str; 6] = [
    "Queries Per Second",
    "Response Time Percentiles (P50, P90, P99)",
    "Success vs Error Rate",
    "Backend Performance",
    "Concurrent Requests",
    "Resource Utilization",
];

/// Name, expression, `for`.
const ALERTS: [(&str, &str, &str); 4] = [
    (
        "HighBackendTTFB",
        "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le)) > 2.0",
        "5m",
    ),
    (
        "CriticalBackendTTFB",
        "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le)) > 3.0",
        "2m",
    ),
    (
        "HighStreamingDuration",
        "histogram_quantile(0.95, sum(rate(streaming_duration_seconds_bucket[5m])) by (le)) > 1.5",
        "5m",
    ),
    (
        "HighFrontendProcessing",
        "histogram_quantile(0.95, sum(rate(frontend_processing_seconds_bucket[5m])) by (le)) \
         > 0.01",
        "5m",
    ),
];

#[track_caller]
fn starts_with(file: &str, titles: &[&str]) {
    let dashboards = dashboards::all();
    let dashboard = dashboards.iter().find(|it| it.name == file).unwrap();
    let found = files::panels(&dashboard.json).map(|it| it["title"].as_str().unwrap());

    assert_eq!(found.take(titles.len()).collect::<Vec<_>>(), titles, "{file}");
}

#[test]
fn the_known_panels_come_first() {
    starts_with("stage-breakdown.json", &STAGES);
    starts_with("service-overview.json", &OVERVIEW);
}

#[test]
fn the_performance_alerts_keep_their_expressions() {
    let (_, document) = files::documents("collector/prometheus/rules")
        .into_iter()
        .find(|it| it.0 == "performance.alerts.yaml")
        .unwrap();
    assert_eq!(document["groups"][0]["name"].as_str(), Some("performance_alerts"));

    let rules = files::rules();
    let rules = rules.iter().filter(|it| it.file == "performance.alerts.yaml");
    let found: Vec<_> =
        rules.map(|it| (it.name.as_str(), it.text.as_str(), it.hold.as_str())).collect();
    assert_eq!(found, ALERTS);
}
