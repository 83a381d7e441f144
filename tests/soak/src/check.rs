//! The checks after a run.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{HistogramDataPoint, metric::Data},
};
use serde::Serialize;
use stagelight_core::catalog::Label;
use testbed::{OtlpSink, prometheus_text::Sample};

use crate::{
    memory::Growth,
    requests::FORBIDDEN,
    run::RunResult,
    scrape::Scrape,
    service,
    shape::{Attributes, ClientBehavior, Observation},
};

/// Upper limit of the memory's growth. Leaking 16 bytes per request is 10 MiB per minute at 11,000
/// requests per second. The allocator's own growth is below it in runs of two minutes or more.
pub(crate) const MAX_KIB_PER_MINUTE: f64 = 4096.0;
/// Maximum number of series of a family: its cap and the overflow series.
const MAX_SERIES: usize = 2001;
/// Values of a label beyond its cap: none, and `other`.
const BESIDES: usize = 2;

/// Threads that the runtime may have started for blocking work.
const MORE_THREADS: f64 = 4.0;
/// Connections that the service may keep open to its upstream and its collector.
const MORE_FILES: f64 = 128.0;

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) passed: bool,
}

// === impl Check ===

impl Check {
    fn equal(name: impl Into<String>, expected: u64, found: f64) -> Self {
        Self::same(name, expected as f64, found)
    }

    fn same(name: impl Into<String>, expected: f64, found: f64) -> Self {
        let passed = expected == found;
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { name: name.into(), expected, found, passed }
    }

    fn at_most(name: impl Into<String>, limit: f64, found: f64) -> Self {
        let passed = found <= limit;
        let (expected, found) = (format!("at most {limit}"), format!("{found:.0}"));
        Self { name: name.into(), expected, found, passed }
    }

    fn none(name: impl Into<String>, found: &[String]) -> Self {
        let passed = found.is_empty();
        let found = if passed { "none".to_owned() } else { found.join("; ") };
        Self { name: name.into(), expected: "none".to_owned(), found, passed }
    }
}

/// Runs all checks.
pub(crate) fn all(result: &RunResult) -> Vec<Check> {
    let mut checks = vec![
        Check::none("unexpected observations", result.counts.unexpected()),
        Check::equal("requests still active", 0, active(&result.scrape)),
    ];
    checks.extend(requests(result));
    checks.extend(outcomes(result));
    checks.extend(over_otlp(result));
    checks.extend(streams(result));
    checks.extend(stages(result));
    checks.extend(dropped(result));
    checks.extend(bounds(&result.scrape));
    checks.extend(process(result));
    checks
}

/// Returns the number of active requests.
pub(crate) fn active(scrape: &Scrape) -> f64 {
    scrape.sum("http_server_active_requests", |_| true)
}

/// Compares all series by method, route, status and error.
fn requests(result: &RunResult) -> Vec<Check> {
    let found = result.scrape.of("http_server_request_duration_seconds_count").map(|it| {
        let label = |name| it.label(name).to_owned();
        let names =
            ["http_request_method", "http_route", "http_response_status_code", "error_type"];
        (names.map(label), it.value)
    });
    compare("/metrics", result, found)
}

fn over_otlp(result: &RunResult) -> Vec<Check> {
    let points = last_points(&result.sink, "http.server.request.duration");
    let found = points.iter().map(|it| {
        let label = |name| attribute(it, name);
        let names =
            ["http.request.method", "http.route", "http.response.status_code", "error.type"];
        (names.map(label), it.count as f64)
    });
    compare("OTLP", result, found)
}

/// Returns the points of a histogram in the last export.
fn last_points(sink: &OtlpSink, name: &str) -> Vec<HistogramDataPoint> {
    let Some(export) = sink.metrics().pop() else { return Vec::new() };
    let scopes = export.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
    let metrics = scopes.flat_map(|it| it.metrics).filter(|it| it.name == name);
    let points = metrics.filter_map(|it| match it.data {
        Some(Data::Histogram(it)) => Some(it.data_points),
        _ => None,
    });
    points.flatten().collect()
}

fn attribute(point: &HistogramDataPoint, name: &str) -> String {
    let found = point.attributes.iter().find(|it: &&KeyValue| it.key == name);
    match found.and_then(|it| it.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(it)) => it.clone(),
        Some(Value::IntValue(it)) => it.to_string(),
        _ => String::new(),
    }
}

fn compare(
    by: &str,
    result: &RunResult,
    found: impl Iterator<Item = ([String; 4], f64)>,
) -> Vec<Check> {
    let mut found: BTreeMap<_, _> = found.collect();
    let cancelled_early =
        result.counts.count(|_, observation| observation == Observation::CancelledEarly);
    // These metrics have no outcome.
    let mut by_key = BTreeMap::<_, u64>::new();
    for (attributes, count) in result.counts.expected() {
        let status =
            if attributes.status == 0 { String::new() } else { attributes.status.to_string() };
        let key =
            [attributes.method, attributes.route, &status, attributes.error].map(str::to_owned);
        *by_key.entry(key).or_default() += count;
    }
    let mut checks: Vec<_> = by_key
        .into_iter()
        .map(|(key, count)| {
            let what = key.iter().filter(|it| !it.is_empty()).cloned().collect::<Vec<_>>();
            let what = format!("requests by {by}: {}", what.join(" "));
            Check::equal(what, count, found.remove(&key).unwrap_or_default())
        })
        .collect();
    let never = ["GET", service::NEVER, "", ""].map(str::to_owned);
    checks.push(Check::at_most(
        format!("requests by {by}: {}, cancelled early", service::NEVER),
        cancelled_early as f64,
        found.remove(&never).unwrap_or_default(),
    ));
    let others: Vec<_> = found.iter().map(|(key, count)| format!("{key:?}: {count}")).collect();
    checks.push(Check::none(format!("other requests by {by}"), &others));
    checks
}

/// Compares counts by endpoint and outcome, jobs included.
fn outcomes(result: &RunResult) -> Vec<Check> {
    let mut expected = BTreeMap::<_, u64>::new();
    for (attributes, count) in result.counts.expected() {
        *expected.entry((attributes.endpoint(), attributes.outcome)).or_default() += count;
    }
    let name = "request_duration_seconds_count";
    let mut checks: Vec<_> = expected
        .into_iter()
        .map(|((endpoint, outcome), count)| {
            let fits =
                |it: &Sample| it.label("endpoint") == endpoint && it.label("outcome") == outcome;
            Check::equal(format!("{endpoint} {outcome}"), count, result.scrape.sum(name, fits))
        })
        .collect();
    let is_job = |it: &Sample| it.label("endpoint").starts_with("job-");
    checks.push(Check::equal("jobs", jobs(result), result.scrape.sum(name, is_job)));
    checks
}

fn jobs(result: &RunResult) -> u64 {
    let is_job = |it: Attributes| it.route == service::JOB;
    result.counts.expected().iter().filter(|it| is_job(*it.0)).map(|it| it.1).sum()
}

fn streams(result: &RunResult) -> Vec<Check> {
    let of = |name: &str| result.scrape.sum(name, |_| true);
    let left = result.counts.count(|shape, observation| {
        let has_begun =
            matches!(shape.behavior, ClientBehavior::CancelsInBody | ClientBehavior::StopsReading);
        has_begun && observation == Observation::Cancelled
    });
    let expected = result.counts.expected();
    let limited = expected.iter().filter(|it| it.0.outcome == "timeout" && it.0.status == 200);
    vec![
        Check::equal("streams cancelled", left, of("streaming_response_cancelled_total")),
        Check::equal(
            "streams timed out",
            limited.map(|it| it.1).sum(),
            of("streaming_response_timed_out_total"),
        ),
    ]
}

/// Checks that overflow series count the rest.
fn stages(result: &RunResult) -> Vec<Check> {
    let expected = result.counts.expected();
    let of = |fits: fn(&Attributes) -> bool| {
        expected.iter().filter(|it| fits(it.0)).map(|it| it.1).sum::<u64>()
    };
    let scrape = &result.scrape;
    let is_step =
        |it: &Sample| it.label("stage").starts_with("step-") || it.label("stage") == "other";
    let is_model = |it: &Sample| it.label("provider") == service::PROVIDER;
    let is_auth = |it: &Sample| it.label("stage") == "auth_validation";
    vec![
        Check::equal(
            "stages of jobs, overflow included",
            jobs(result),
            scrape.sum("request_stage_duration_seconds_count", is_step),
        ),
        Check::equal(
            "models from clients, overflow included",
            of(|it| it.route == service::MODEL),
            scrape.sum("backend_ttfb_seconds_count", is_model),
        ),
        Check::equal(
            "errors of auth_validation",
            of(|it| it.status == 401),
            scrape.sum("request_stage_errors_total", is_auth),
        ),
    ]
}

fn dropped(result: &RunResult) -> Vec<Check> {
    let scrape = &result.scrape;
    let of =
        |reason: &str| scrape.sum("stagelight_dropped_total", |it| it.label("reason") == reason);
    let count = |route: &str| {
        let expected = result.counts.expected();
        expected.iter().filter(|it| it.0.route == route).map(|it| it.1).sum::<u64>()
    };
    let other = |name: &str, label: &str| scrape.sum(name, |it| it.label(label) == "other");
    let beyond = other("backend_ttfb_seconds_count", "model");
    // A stage is recorded when it closes and when its share is known, unattributed time once.
    let overflown = other("request_stage_duration_seconds_count", "stage")
        + other("request_stage_share_seconds_count", "stage");
    let known = ["outside_request", "label_limit", "series_limit"];
    let others: Vec<_> = scrape
        .of("stagelight_dropped_total")
        .filter(|it| !known.contains(&it.label("reason")))
        .map(|it| format!("{}: {}", it.label("reason"), it.value))
        .collect();
    vec![
        Check::equal("dropped: outside_request", count(service::OUTSIDE), of("outside_request")),
        Check::same("dropped: label_limit", beyond, of("label_limit")),
        Check::same("dropped: series_limit", overflown, of("series_limit")),
        Check::none("dropped for other reasons", &others),
    ]
}

/// Returns the number of series of each metric, counting a histogram's buckets and sum once.
pub(crate) fn series(scrape: &Scrape) -> BTreeMap<&str, usize> {
    let mut series = BTreeMap::new();
    for sample in &scrape.samples {
        if !sample.name.ends_with("_bucket") && !sample.name.ends_with("_sum") {
            *series.entry(sample.name.as_str()).or_default() += 1;
        }
    }
    series
}

/// Checks the documented caps on series and label values, and that no text from clients is on the
/// page except the attributes of the soak routes.
fn bounds(scrape: &Scrape) -> Vec<Check> {
    let mut values = BTreeMap::<&str, BTreeSet<&str>>::new();
    for sample in &scrape.samples {
        for (label, value) in sample.labels.iter().filter(|it| *it.0 != "le") {
            values.entry(label).or_default().insert(value);
        }
    }
    let most = series(scrape).values().copied().max().unwrap_or_default();
    let mut checks = vec![Check::at_most("series of one metric", MAX_SERIES as f64, most as f64)];
    let exporter = stagelight_otel::catalog::ALL.into_iter().flat_map(|it| it.labels);
    for label in Label::ALL.iter().chain(exporter) {
        let Some(found) = values.remove(label.prometheus_name) else { continue };
        let limit = label.cap + BESIDES;
        let what = format!("values of {}", label.otel_name);
        checks.push(Check::at_most(what, limit as f64, found.len() as f64));
    }
    let unknown: Vec<_> = values.keys().map(|&it| it.to_owned()).collect();
    checks.push(Check::none("labels that are not in the catalogue", &unknown));
    let found = FORBIDDEN.into_iter().filter(|it| scrape.text.contains(it));
    let found: Vec<_> = found.map(str::to_owned).collect();
    checks.push(Check::none("paths, ids, keys and baggage of clients on the page", &found));
    checks
}

fn process(result: &RunResult) -> Vec<Check> {
    let kib = result.growth.as_ref().map_or(f64::NAN, |it: &Growth| it.kib_per_minute);
    vec![
        Check::at_most("growth of the service's memory, KiB per minute", MAX_KIB_PER_MINUTE, kib),
        Check::at_most(
            "threads started during the run",
            MORE_THREADS,
            result.after.threads - result.before.threads,
        ),
        Check::at_most(
            "files and sockets opened during the run",
            MORE_FILES,
            result.after.files as f64 - result.before.files as f64,
        ),
        Check::equal("exports that are not OTLP", 0, result.sink.decode_errors() as f64),
    ]
}
