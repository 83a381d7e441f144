//! Prometheus has the exact counts of known requests, pushed and scraped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use stagelight_core::catalog::{self, Instrument, Metric};
use testbed::StackOptions;

use crate::{
    fixture::{Fixture, OTLP, SCRAPE, options},
    known_requests::{self, Counts},
    prometheus::{Labels, Sample},
};

/// The results of one run, of which each test checks a part.
static RUN: LazyLock<Run> = LazyLock::new(Run::new);

/// All series of the gateway, after the known requests.
struct Run {
    requests: u64,
    expected: Counts,
    otlp: Ingested,
    scrape: Ingested,
}

/// The series ingested over OTLP or by scraping.
struct Ingested {
    job: &'static str,
    samples: Vec<Sample>,
    /// The labels of the resource.
    resource_labels: &'static [&'static str],
    /// The suffix of integral bucket bounds.
    whole: &'static str,
}

// === impl Run ===

impl Run {
    fn new() -> Self {
        let fixture = Fixture::start(&StackOptions {
            scrape_interval: Some(Duration::from_secs(1)),
            gateway_args: vec!["--timeout".to_owned(), "1s".to_owned()],
            ..options()
        });
        let known = known_requests::all();
        let requests = known_requests::total(&known);
        for _ in 0..3 {
            assert_eq!(fixture.client.get("/healthz").status, 200);
        }

        known_requests::send(&known, &fixture.client);

        let upstream = fixture.stack.addresses().upstream.as_ref().unwrap();
        let port = upstream.rsplit_once(':').unwrap().1;
        let samples = |job| {
            fixture.settle(job);
            fixture.prometheus.query(&format!("{{job={job:?}}}"))
        };
        Self {
            requests,
            expected: known_requests::expected(&known, port),
            otlp: Ingested {
                job: OTLP,
                samples: samples(OTLP),
                // The collector adds the host.
                resource_labels: &[
                    "host_name",
                    "instance",
                    "job",
                    "service_instance_id",
                    "service_name",
                ],
                whole: "",
            },
            scrape: Ingested {
                job: SCRAPE,
                samples: samples(SCRAPE),
                resource_labels: &["instance", "job"],
                whole: ".0",
            },
        }
    }

    fn both(&self) -> [&Ingested; 2] {
        [&self.otlp, &self.scrape]
    }
}

// === impl Ingested ===

impl Ingested {
    /// Returns the values of the series with this name by their own labels.
    fn series(&self, name: &str) -> BTreeMap<Labels, f64> {
        let found = self.samples.iter().filter(|it| it.name == name);
        let series: BTreeMap<_, _> =
            found.clone().map(|it| (self.own_labels(it), it.value)).collect();
        assert_eq!(series.len(), found.count(), "series of {name} differ only in resource labels");
        series
    }

    fn own_labels(&self, sample: &Sample) -> Labels {
        let mut labels = sample.labels.clone();
        for name in self.resource_labels {
            assert!(labels.remove(*name).is_some(), "no label {name} in {sample:?}");
        }
        labels
    }

    /// Returns the sum of the series with this name and label.
    fn sum(&self, name: &str, label: &str, value: &str) -> f64 {
        let fits = |it: &&Sample| it.name == name && it.label(label) == value;
        self.samples.iter().filter(fits).map(|it| it.value).sum()
    }
}

#[test]
fn series_have_exact_labels_and_counts() {
    for way in RUN.both() {
        for (&metric, expected) in &RUN.expected {
            let is_counter = metric.ends_with("_total");
            let name = if is_counter { metric.to_owned() } else { format!("{metric}_count") };
            let expected: BTreeMap<_, _> =
                expected.iter().map(|(labels, &count)| (labels.clone(), count as f64)).collect();
            let seen = way.series(&name);
            assert_eq!(seen, expected, "{name} of {} (left: seen; right: expected)", way.job);
        }
    }
}

#[test]
fn histograms_have_the_contracts_buckets() {
    let stage = "0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10";
    let backend = "0.1 0.5 1 1.5 2 2.5 3 5 10";
    let contract = [
        ("request_stage_duration_seconds", stage),
        ("request_stage_share_seconds", stage),
        ("request_stage_busy_seconds", stage),
        ("frontend_processing_seconds", "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5"),
        ("backend_ttfb_seconds", backend),
        ("streaming_duration_seconds", backend),
        (
            "http_server_request_duration_seconds",
            "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10",
        ),
    ];
    for way in RUN.both() {
        for (metric, bounds) in contract {
            let spell = |it: &str| {
                if it.contains('.') { it.to_owned() } else { format!("{it}{}", way.whole) }
            };
            let bounds: Vec<_> = bounds.split(' ').map(spell).collect();
            check_buckets(way, metric, &bounds);
        }
    }
}

/// Checks that each series has these buckets and `+Inf`, cumulative and up to the count.
#[track_caller]
fn check_buckets(way: &Ingested, metric: &str, bounds: &[String]) {
    let counts = way.series(&format!("{metric}_count"));
    let mut buckets = way.series(&format!("{metric}_bucket"));
    assert_eq!(buckets.len(), counts.len() * (bounds.len() + 1), "{metric}: {:#?}", buckets.keys());
    for (labels, count) in counts {
        let mut before = 0.0;
        for bound in bounds.iter().map(String::as_str).chain(["+Inf"]) {
            let mut key = labels.clone();
            key.insert("le".to_owned(), bound.to_owned());
            let bucket = buckets.remove(&key);
            let bucket = bucket.unwrap_or_else(|| panic!("{metric} of {} has no {key:?}", way.job));
            assert!(before <= bucket, "{metric} {key:?}: {bucket} after {before}");
            before = bucket;
        }
        assert_eq!(before, count, "{metric} {labels:?}");
    }
}

#[test]
fn shares_and_unattributed_add_up_to_the_duration() {
    for way in RUN.both() {
        for endpoint in ["/v1/chat/completions", "/v1/models", "unmatched"] {
            let shares = way.sum("request_stage_share_seconds_sum", "endpoint", endpoint);
            let requests = way.sum("request_duration_seconds_sum", "endpoint", endpoint);
            assert!((shares - requests).abs() < 1e-9, "{endpoint}: {shares} of {requests}");
            assert!(0.0 < requests, "{endpoint}");
        }
    }
}

#[test]
fn percentages_are_of_groups_and_add_up_to_100() {
    for way in RUN.both() {
        let series = way.series("stage_percentage");
        let mut totals = BTreeMap::<_, f64>::new();
        let mut parts = BTreeMap::<_, BTreeSet<_>>::new();
        for (mut labels, percent) in series {
            assert!((0.0..=100.0).contains(&percent), "{labels:?}: {percent}");
            let endpoint = labels.remove("endpoint").unwrap();
            parts.entry(endpoint.clone()).or_default().insert(labels.remove("stage").unwrap());
            assert_eq!(labels, Labels::new());
            *totals.entry(endpoint).or_default() += percent;
        }
        let expected: BTreeSet<_> =
            ["frontend_processing", "backend_response", "stream_processing", "unattributed"]
                .map(str::to_owned)
                .into();
        assert_eq!(parts.len(), 3, "{parts:?}");
        assert!(parts.values().all(|it| *it == expected), "{parts:?}");
        assert!(totals.values().all(|it| (it - 100.0).abs() < 1e-9), "{totals:?}");
    }
}

#[test]
fn no_request_is_left_active() {
    for way in RUN.both() {
        let series = way.series("http_server_active_requests");
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let of = |method| [label("http_request_method", method), label("url_scheme", "http")];
        let expected = ["GET", "POST"].map(|method| (Labels::from(of(method)), 0.0));
        assert_eq!(series, BTreeMap::from(expected));
    }
}

#[test]
fn all_requests_are_counted() {
    for way in RUN.both() {
        for metric in ["request_duration_seconds", "http_server_request_duration_seconds"] {
            let count: f64 = way.series(&format!("{metric}_count")).values().sum();
            assert_eq!(count, RUN.requests as f64, "{metric} of {}", way.job);
        }
    }
}

#[test]
fn every_metric_is_in_the_catalogue() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let families = catalog::ALL.iter().chain(&stagelight_otel::catalog::ALL);
    for metric in families.flat_map(|it| it.metrics) {
        known.extend(prometheus_names(metric));
    }
    // Prometheus' own, the exporter's own and the gateway's own metrics.
    let others = ["up", "scrape_", "target_info", "otel_sdk_", "gateway_tokens_total"];
    for way in RUN.both() {
        let names: BTreeSet<_> = way.samples.iter().map(|it| it.name.as_str()).collect();
        let is_other = |it: &str| others.iter().any(|other| it.starts_with(other));
        let foreign: Vec<_> =
            names.into_iter().filter(|it| !known.contains(*it) && !is_other(it)).collect();
        assert_eq!(foreign, Vec::<&str>::new(), "by {}", way.job);
    }
}

fn prometheus_names(metric: &Metric) -> Vec<String> {
    let name = metric.prometheus_name;
    match metric.instrument {
        Instrument::Histogram { .. } => {
            ["bucket", "count", "sum"].map(|it| format!("{name}_{it}")).into()
        }
        _ => vec![name.to_owned()],
    }
}

#[test]
fn nothing_is_dropped() {
    for way in RUN.both() {
        assert_eq!(way.series("stagelight_dropped_total"), BTreeMap::new());
    }
}

#[test]
fn the_services_own_counter_has_the_same_resource() {
    let tokens = RUN.otlp.series("gateway_tokens_total");
    let of = |provider: &str, model: &str, kind: &str| {
        let labels = [("provider", provider), ("model", model), ("type", kind)];
        Labels::from(labels.map(|(name, value)| (name.to_owned(), value.to_owned())))
    };
    // Responses that are not streamed report usage: three prompt and three completion tokens each.
    let expected = [
        (of("northwind", "northwind-mini", "prompt"), 9.0),
        (of("northwind", "northwind-mini", "completion"), 9.0),
        (of("halcyon", "halcyon-chat", "prompt"), 3.0),
        (of("halcyon", "halcyon-chat", "completion"), 3.0),
    ];
    assert_eq!(tokens, BTreeMap::from(expected));

    let resource = |it: &Sample| {
        let labels = RUN.otlp.resource_labels.iter();
        labels.map(|&name| (name, it.label(name).to_owned())).collect::<Vec<_>>()
    };
    let resources: BTreeSet<_> = RUN.otlp.samples.iter().map(resource).collect();
    assert_eq!(resources.len(), 1, "{resources:?}");
    assert!(RUN.otlp.samples.iter().any(|it| it.name == "target_info"));
}
