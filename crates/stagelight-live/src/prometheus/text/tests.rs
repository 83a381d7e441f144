use std::collections::BTreeMap;

use expect_test::expect;
use proptest::prelude::*;
use stagelight_core::{
    Clock, Engine, Percentages,
    catalog::{
        self, Label,
        labels::{
            Endpoint, ErrorType, HttpRequestMethod, HttpRoute, Model, NetworkProtocolVersion,
            Provider, Stage, UrlScheme,
        },
    },
};

use super::*;

fn engine() -> Engine {
    Engine::with_clock(Clock::manual().0)
}

/// A parsed sample: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Parses the format strictly according to its specification; shares no code with the writer.
fn parse(text: &str) -> Vec<Sample> {
    let samples = text.lines().filter(|it| !it.starts_with('#'));
    samples.map(|it| sample(it).unwrap_or_else(|| panic!("not a sample: {it}"))).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let end = line.find(|it| !is_name(it))?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"")?;
            assert!(label.chars().all(is_name), "{line}");
            let (value, after) = quoted(value)?;
            assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in {line}");
            match after.strip_prefix(',') {
                Some(after) => rest = after,
                None => break rest = after.strip_prefix('}')?,
            }
        }
    }
    Some((name.to_owned(), labels, rest.strip_prefix(' ')?.parse().ok()?))
}

/// Parses up to the closing quote; returns the value and the text after the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                it @ ('\\' | '"') => it,
                _ => return None,
            }),
            _ => value.push(character),
        }
    }
    None
}

#[test]
fn each_instrument_is_written_as_its_type() {
    let engine = engine();
    let stage = Stage::new("parse");
    let values = [100_000, 1_500_000_000, 20_000_000_000]
        .map(|it| catalog::REQUEST_STAGE_DURATION.value(it));
    engine.record(&catalog::STAGE, (stage, Endpoint::new("/v1/\"chat\"\\\n")), &values);
    let labels = (stage, Endpoint::new("/v1/chat"), ErrorType::new("timeout"));
    engine.add(catalog::REQUEST_STAGE_ERRORS, labels, 3);
    let labels = (HttpRequestMethod::Get, UrlScheme::Http);
    engine.add(catalog::HTTP_SERVER_ACTIVE_REQUESTS, labels, -1);
    expect![[r##"
        # HELP request_stage_duration_seconds Time from the start of a stage to its end. Stages may nest and overlap.
        # TYPE request_stage_duration_seconds histogram
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.0001"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.00025"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.0005"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.001"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.0025"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.005"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.01"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.025"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.05"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.1"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.25"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="0.5"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="1"} 1
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="2.5"} 2
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="5"} 2
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="10"} 2
        request_stage_duration_seconds_bucket{stage="parse",endpoint="/v1/\"chat\"\\\n",le="+Inf"} 3
        request_stage_duration_seconds_sum{stage="parse",endpoint="/v1/\"chat\"\\\n"} 21.5001
        request_stage_duration_seconds_count{stage="parse",endpoint="/v1/\"chat\"\\\n"} 3
        # HELP request_stage_errors_total Stages that ended with an error.
        # TYPE request_stage_errors_total counter
        request_stage_errors_total{stage="parse",endpoint="/v1/chat",error_type="timeout"} 3
        # HELP http_server_active_requests HTTP requests that have started and not ended.
        # TYPE http_server_active_requests gauge
        http_server_active_requests{http_request_method="GET",url_scheme="http"} -1
    "##]].assert_eq(&text(&engine.snapshot()));
}

#[test]
fn an_absent_attribute_is_left_out() {
    let engine = engine();
    let labels = (Provider::new(""), Model::new("m"), Endpoint::new(""));
    engine.record(&catalog::BACKEND, labels, &[catalog::BACKEND_TTFB.value(1)]);
    let samples = parse(&text(&engine.snapshot()));
    let (_, labels, _) = samples.iter().find(|it| it.0 == "backend_ttfb_seconds_count").unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), [(&"model".to_owned(), &"m".to_owned())]);
}

#[test]
fn a_series_without_any_attribute_has_no_braces() {
    let engine = engine();
    let values = [catalog::FRONTEND_PROCESSING.value(1)];
    engine.record(&catalog::FRONTEND, Endpoint::new(""), &values);
    let text = text(&engine.snapshot());
    assert!(text.contains("\nfrontend_processing_seconds_bucket{le=\"0.001\"} 1\n"), "{text}");
    assert!(text.contains("\nfrontend_processing_seconds_count 1\n"), "{text}");
}

#[test]
fn an_empty_store_has_an_empty_page() {
    assert_eq!(text(&engine().snapshot()), "");
}

#[test]
fn a_gauge_may_be_nan_or_infinite() {
    let values = vec!["other".into(), "/".into()];
    for (gauge, written) in [(f64::NAN, "NaN"), (f64::INFINITY, "+Inf"), (12.5, "12.5")] {
        let series = Series {
            family: &catalog::PERCENTAGE,
            values: values.clone(),
            points: vec![Point::Gauge(gauge)],
        };
        let text = text(&Snapshot { series: vec![series] });
        let expected = format!("stage_percentage{{stage=\"other\",endpoint=\"/\"}} {written}");
        assert_eq!(text.lines().last(), Some(expected.as_str()));
    }
}

#[test]
fn bounds_match_those_that_prometheus_shows_for_otlp() {
    let engine = engine();
    for metric in [&TTFB, &SHARE, &RESPONSE_SIZE] {
        (metric.record)(&engine, "1", 1);
    }
    let samples = parse(&text(&engine.snapshot()));
    let bounds = |name: &str| {
        let buckets = samples.iter().filter(|it| it.0 == format!("{name}_bucket"));
        buckets.map(|it| it.1["le"].as_str()).collect::<Vec<_>>().join(" ")
    };
    expect!["0.1 0.5 1 1.5 2 2.5 3 5 10 +Inf"].assert_eq(&bounds("backend_ttfb_seconds"));
    expect![
        "0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf"
    ]
    .assert_eq(&bounds("request_stage_share_seconds"));
    expect!["64 256 1024 4096 16384 65536 262144 1048576 4194304 16777216 67108864 +Inf"]
        .assert_eq(&bounds("http_server_response_body_size_bytes"));
}

#[test]
fn all_samples_of_a_metric_are_adjacent() {
    let engine = engine();
    for stage in ["b", "a"] {
        let values = [
            catalog::REQUEST_STAGE_DURATION.value(1),
            catalog::REQUEST_STAGE_SHARE.value(1),
            catalog::REQUEST_STAGE_BUSY.value(1),
        ];
        engine.record(&catalog::STAGE, (Stage::new(stage), Endpoint::new("/")), &values);
    }
    let mut snapshot = engine.snapshot();
    Percentages::new().add_to(&mut snapshot, |it| engine.group_of(it));
    let text = text(&snapshot);
    let types: Vec<_> = text.lines().filter(|it| it.starts_with("# TYPE")).collect();
    expect![[r#"
        # TYPE request_stage_duration_seconds histogram
        # TYPE request_stage_share_seconds histogram
        # TYPE request_stage_busy_seconds histogram
        # TYPE stage_percentage gauge"#]]
    .assert_eq(&types.join("\n"));
    let counts: Vec<_> = text.lines().filter(|it| it.contains("_count")).collect();
    expect![[r#"
        request_stage_duration_seconds_count{stage="a",endpoint="/"} 1
        request_stage_duration_seconds_count{stage="b",endpoint="/"} 1
        request_stage_share_seconds_count{stage="a",endpoint="/"} 1
        request_stage_share_seconds_count{stage="b",endpoint="/"} 1
        request_stage_busy_seconds_count{stage="a",endpoint="/"} 1
        request_stage_busy_seconds_count{stage="b",endpoint="/"} 1"#]]
    .assert_eq(&counts.join("\n"));
}

/// A metric of the catalogue, with a value for one of its labels.
#[derive(Debug)]
struct Histogram {
    metric: &'static Metric,
    label: &'static Label,
    record: fn(&Engine, &str, u64),
}

const TTFB: Histogram = Histogram {
    metric: catalog::BACKEND_TTFB.metric(),
    label: Model::LABEL,
    record: |engine, model, value| {
        let labels = (Provider::new(""), Model::new(model), Endpoint::new(""));
        engine.record(&catalog::BACKEND, labels, &[catalog::BACKEND_TTFB.value(value)]);
    },
};
const SHARE: Histogram = Histogram {
    metric: catalog::REQUEST_STAGE_SHARE.metric(),
    label: Endpoint::LABEL,
    record: |engine, endpoint, value| {
        let labels = (Stage::new(""), Endpoint::new(endpoint));
        engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_SHARE.value(value)]);
    },
};
const RESPONSE_SIZE: Histogram = Histogram {
    metric: catalog::HTTP_SERVER_RESPONSE_BODY_SIZE.metric(),
    label: HttpRoute::LABEL,
    record: |engine, route, value| {
        let labels = (
            HttpRequestMethod::Get,
            UrlScheme::Http,
            None,
            Some(HttpRoute::new(route)),
            None,
            NetworkProtocolVersion::Http2,
        );
        let values = [catalog::HTTP_SERVER_RESPONSE_BODY_SIZE.value(value)];
        engine.record(&catalog::HTTP_SERVER, labels, &values);
    },
};

fn histogram() -> impl Strategy<Value = &'static Histogram> {
    prop::sample::select(vec![&TTFB, &SHARE, &RESPONSE_SIZE])
}

proptest! {
    #[test]
    fn a_scraper_reads_the_recorded_values(
        histogram in histogram(),
        name in "(?s).{1,12}|[\\\\\"\n,={} ]{1,8}",
        values in prop::collection::vec(0_u64..100_000_000_000, 1..20),
    ) {
        let engine = engine();
        for value in &values {
            (histogram.record)(&engine, &name, *value);
        }
        let samples = parse(&text(&engine.snapshot()));
        let metric = histogram.metric;
        let of = |suffix: &str| {
            let name = format!("{}{suffix}", metric.prometheus_name);
            samples.iter().filter(move |it| it.0 == name).collect::<Vec<_>>()
        };
        for (_, labels, _) in &samples {
            prop_assert_eq!(&labels[histogram.label.prometheus_name], &name);
        }
        let is_below = |value: &&u64, bound: f64| metric.unit.export(**value) <= bound;
        let within = |bound: f64| values.iter().filter(|it| is_below(it, bound)).count();
        for (_, labels, count) in of("_bucket") {
            let bound = labels["le"].replace("+Inf", "inf").parse().unwrap();
            prop_assert_eq!(*count, within(bound) as f64);
        }
        prop_assert_eq!(of("_bucket").len(), metric.bounds().len() + 1);
        prop_assert_eq!(of("_count")[0].2, values.len() as f64);
        prop_assert_eq!(of("_sum")[0].2, metric.unit.export(values.iter().sum()));
    }
}
