//! What has to hold after a run.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::HistogramDataPoint,
};
use serde::Serialize;
use stagelight_core::catalog::Label;

use crate::{
    draw::MARKS,
    memory::Growth,
    run::Seen,
    scrape::{Sample, Scrape},
    service,
    shape::{Counted, Manner, Sight},
};

/// The steepest slope of the service's memory that passes. One lost allocation a request, 16 bytes at least, is 10 MiB a minute at 11,000 requests a second;
/// what the allocator does by itself stays below this from two minutes on. The slope is told, so that a longer run tells more.
pub(crate) const MAX_KIB_PER_MINUTE: f64 = 4096.0;
/// The most series that a family may have: its cap, and the one for what is beyond.
const MAX_SERIES: usize = 2001;
/// Values that a label may have besides as many as its cap: none at all, and `other`.
const BESIDES: usize = 2;

/// Threads that a service may have started under load: of its runtime, for blocking work.
const MORE_THREADS: f64 = 4.0;
/// Connections that it may keep open to its provider, and to its collector.
const MORE_FILES: f64 = 128.0;

/// One thing that has to hold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) holds: bool,
}

// === impl Check ===

impl Check {
    fn equal(what: impl Into<String>, expected: u64, found: f64) -> Self {
        Self::same(what, expected as f64, found)
    }

    fn same(what: impl Into<String>, expected: f64, found: f64) -> Self {
        let holds = expected == found;
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { what: what.into(), expected, found, holds }
    }

    fn at_most(what: impl Into<String>, limit: f64, found: f64) -> Self {
        let holds = found <= limit;
        let (expected, found) = (format!("at most {limit}"), format!("{found:.0}"));
        Self { what: what.into(), expected, found, holds }
    }

    fn none(what: impl Into<String>, found: &[String]) -> Self {
        let holds = found.is_empty();
        let found = if holds { "none".to_owned() } else { found.join("; ") };
        Self { what: what.into(), expected: "none".to_owned(), found, holds }
    }
}

/// Checks everything.
pub(crate) fn all(seen: &Seen) -> Vec<Check> {
    let mut checks = vec![
        Check::none("sights that no client should have", seen.tally.surprises()),
        Check::equal("requests still active", 0, active(&seen.scrape)),
    ];
    checks.extend(requests(seen));
    checks.extend(outcomes(seen));
    checks.extend(over_otlp(seen));
    checks.extend(streams(seen));
    checks.extend(stages(seen));
    checks.extend(dropped(seen));
    checks.extend(bounds(&seen.scrape));
    checks.extend(process(seen));
    checks
}

/// Returns how many requests the service says are under way.
pub(crate) fn active(scrape: &Scrape) -> f64 {
    scrape.sum("http_server_active_requests", |_| true)
}

/// By method, route, status and error: each series, and no other.
fn requests(seen: &Seen) -> Vec<Check> {
    let found = seen.scrape.of("http_server_request_duration_seconds_count").map(|it| {
        let label = |name| it.label(name).to_owned();
        let names =
            ["http_request_method", "http_route", "http_response_status_code", "error_type"];
        (names.map(label), it.value)
    });
    compare("/metrics", seen, found)
}

fn over_otlp(seen: &Seen) -> Vec<Check> {
    let points = seen.sink.histogram("http.server.request.duration");
    let found = points.iter().map(|it| {
        let label = |name| attribute(it, name);
        let names =
            ["http.request.method", "http.route", "http.response.status_code", "error.type"];
        (names.map(label), it.count as f64)
    });
    compare("OTLP", seen, found)
}

fn attribute(point: &HistogramDataPoint, name: &str) -> String {
    let found = point.attributes.iter().find(|it: &&KeyValue| it.key == name);
    match found.and_then(|it| it.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(it)) => it.clone(),
        Some(Value::IntValue(it)) => it.to_string(),
        _ => String::new(),
    }
}

fn compare(by: &str, seen: &Seen, found: impl Iterator<Item = ([String; 4], f64)>) -> Vec<Check> {
    let mut found: BTreeMap<_, _> = found.collect();
    let unheard = seen.tally.count(|_, sight| sight == Sight::LeftUnheard);
    // Outcomes are not told apart here.
    let mut by_key = BTreeMap::<_, u64>::new();
    for (counted, count) in seen.tally.expected() {
        let status = if counted.status == 0 { String::new() } else { counted.status.to_string() };
        let key = [counted.method, counted.route, &status, counted.error].map(str::to_owned);
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
        format!("requests by {by}: {}, of clients who left at once", service::NEVER),
        unheard as f64,
        found.remove(&never).unwrap_or_default(),
    ));
    let others: Vec<_> = found.iter().map(|(key, count)| format!("{key:?}: {count}")).collect();
    checks.push(Check::none(format!("other requests by {by}"), &others));
    checks
}

/// By endpoint and outcome, in which also the jobs are.
fn outcomes(seen: &Seen) -> Vec<Check> {
    let mut expected = BTreeMap::<_, u64>::new();
    for (counted, count) in seen.tally.expected() {
        *expected.entry((counted.endpoint(), counted.outcome)).or_default() += count;
    }
    let name = "request_duration_seconds_count";
    let mut checks: Vec<_> = expected
        .into_iter()
        .map(|((endpoint, outcome), count)| {
            let fits =
                |it: &Sample| it.label("endpoint") == endpoint && it.label("outcome") == outcome;
            Check::equal(format!("{endpoint} {outcome}"), count, seen.scrape.sum(name, fits))
        })
        .collect();
    let is_job = |it: &Sample| it.label("endpoint").starts_with("job-");
    checks.push(Check::equal("jobs", jobs(seen), seen.scrape.sum(name, is_job)));
    checks
}

fn jobs(seen: &Seen) -> u64 {
    let is_job = |it: Counted| it.route == service::JOB;
    seen.tally.expected().iter().filter(|it| is_job(*it.0)).map(|it| it.1).sum()
}

fn streams(seen: &Seen) -> Vec<Check> {
    let of = |name: &str| seen.scrape.sum(name, |_| true);
    let left = seen.tally.count(|shape, sight| {
        let has_begun = matches!(shape.manner, Manner::LeavesMidBody | Manner::StopsReading);
        has_begun && sight == Sight::Left
    });
    let expected = seen.tally.expected();
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

/// What is not told apart any more is still counted.
fn stages(seen: &Seen) -> Vec<Check> {
    let expected = seen.tally.expected();
    let of = |fits: fn(&Counted) -> bool| {
        expected.iter().filter(|it| fits(it.0)).map(|it| it.1).sum::<u64>()
    };
    let scrape = &seen.scrape;
    let is_step =
        |it: &Sample| it.label("stage").starts_with("step-") || it.label("stage") == "other";
    let is_model = |it: &Sample| it.label("provider") == service::PROVIDER;
    let is_auth = |it: &Sample| it.label("stage") == "auth_validation";
    vec![
        Check::equal(
            "stages of jobs, told apart or not",
            jobs(seen),
            scrape.sum("request_stage_duration_seconds_count", is_step),
        ),
        Check::equal(
            "models of callers, told apart or not",
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

fn dropped(seen: &Seen) -> Vec<Check> {
    let scrape = &seen.scrape;
    let of =
        |reason: &str| scrape.sum("stagelight_dropped_total", |it| it.label("reason") == reason);
    let count = |route: &str| {
        let expected = seen.tally.expected();
        expected.iter().filter(|it| it.0.route == route).map(|it| it.1).sum::<u64>()
    };
    let other = |name: &str, label: &str| scrape.sum(name, |it| it.label(label) == "other");
    let beyond = other("backend_ttfb_seconds_count", "model");
    // A stage is recorded twice, when it closes and when its share is known; so is the unattributed time, once.
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

/// Returns how many series each metric has; a histogram's buckets and sum are of the same series as its count.
pub(crate) fn series(scrape: &Scrape) -> BTreeMap<&str, usize> {
    let mut series = BTreeMap::new();
    for sample in &scrape.samples {
        if !sample.name.ends_with("_bucket") && !sample.name.ends_with("_sum") {
            *series.entry(sample.name.as_str()).or_default() += 1;
        }
    }
    series
}

/// No family has more series, and no label more values, than documented; and nothing that a caller sent is there but what was made an attribute.
fn bounds(scrape: &Scrape) -> Vec<Check> {
    let mut values = BTreeMap::<&str, BTreeSet<&str>>::new();
    for sample in &scrape.samples {
        for (label, value) in sample.labels.iter().filter(|it| *it.0 != "le") {
            values.entry(label).or_default().insert(value);
        }
    }
    let most = series(scrape).values().copied().max().unwrap_or_default();
    let mut checks = vec![Check::at_most("series of one metric", MAX_SERIES as f64, most as f64)];
    for label in Label::ALL {
        let Some(found) = values.remove(label.prometheus_name().as_str()) else { continue };
        let limit = label.cap() + BESIDES;
        let what = format!("values of {}", label.otel_name());
        checks.push(Check::at_most(what, limit as f64, found.len() as f64));
    }
    let unknown: Vec<_> = values.keys().map(|&it| it.to_owned()).collect();
    checks.push(Check::none("labels that the catalogue does not have", &unknown));
    let told: Vec<_> = MARKS.into_iter().filter(|it| scrape.text.contains(it)).collect();
    let told: Vec<_> = told.into_iter().map(str::to_owned).collect();
    checks.push(Check::none("paths, ids, keys and baggage of callers on the page", &told));
    checks
}

fn process(seen: &Seen) -> Vec<Check> {
    let kib = seen.growth.as_ref().map_or(f64::NAN, |it: &Growth| it.kib_per_minute);
    vec![
        Check::at_most("growth of the service's memory, KiB a minute", MAX_KIB_PER_MINUTE, kib),
        Check::at_most(
            "threads after the run, beyond those before",
            MORE_THREADS,
            seen.after.threads - seen.before.threads,
        ),
        Check::at_most(
            "files and sockets after the run, beyond those before",
            MORE_FILES,
            seen.after.files as f64 - seen.before.files as f64,
        ),
        Check::equal("exports that were no OTLP", 0, seen.sink.unreadable() as f64),
    ]
}
