//! The contract's five queries, for pushed and for scraped metrics.

use std::{collections::BTreeMap, thread, time::Duration};

use testbed::{StackOptions, Workspace};

use crate::{
    client::{Chat, ClientResponse},
    fixture::{Fixture, OTLP, SCRAPE, options},
};

const TTFB: &str = "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le))";
const STREAMING: &str =
    "histogram_quantile(0.95, sum(rate(streaming_duration_seconds_bucket[5m])) by (le))";
const TTFB_BY_PROVIDER: &str =
    "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le, provider))";
const MEAN_BY_STAGE: &str = concat!(
    "sum(rate(request_stage_duration_seconds_sum[5m])) by (stage)",
    " / sum(rate(request_stage_duration_seconds_count[5m])) by (stage)"
);
const BACKEND_PERCENTAGE: &str = "avg(stage_percentage{stage=\"backend_response\"})";

/// The five queries with Grafana's names of their units.
pub(crate) const CONTRACT: [(&str, &str); 5] = [
    (TTFB, "s"),
    (STREAMING, "s"),
    (TTFB_BY_PROVIDER, "s"),
    (MEAN_BY_STAGE, "s"),
    (BACKEND_PERCENTAGE, "percent"),
];

/// The histograms' bounds, in seconds. A quantile may be anywhere in its bucket.
const BOUNDS: [f64; 10] = [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0];

/// Relative tolerance of means: `rate` extrapolates before the first sample.
const RATE_ERROR: f64 = 0.1;

/// By how much a client may measure longer durations than the gateway, in seconds.
const CLIENT_ERROR: f64 = 0.1;

/// A client's measurements of concurrent requests to two providers.
struct Measured {
    northwind: Vec<ClientResponse>,
    halcyon: Vec<ClientResponse>,
}

#[test]
fn the_documentation_lists_the_five_queries_of_the_contract() {
    let readme = std::fs::read_to_string(Workspace::find().path("docs/metrics.md")).unwrap();
    let block = readme.split("```promql\n").nth(1).and_then(|it| it.split("```").next()).unwrap();

    assert_eq!(block.lines().collect::<Vec<_>>(), CONTRACT.map(|it| it.0));
}

#[test]
fn queries_of_pushed_metrics_match_the_clients_measurements() {
    check(OTLP, &options());
}

#[test]
fn queries_of_scraped_metrics_match_the_clients_measurements() {
    let scrape_interval = Some(Duration::from_millis(500));
    let mut options = StackOptions { scrape_interval, ..options() };
    options.gateway_env.push(("OTEL_METRICS_EXPORTER".to_owned(), "none".to_owned()));
    check(SCRAPE, &options);
}

fn check(job: &str, options: &StackOptions) {
    let fixture = Fixture::start(options);
    // `rate` needs a sample of each series before the increase.
    Measured::send(&fixture, 1);
    fixture.settle(job);

    let measured = Measured::send(&fixture, 8);
    fixture.settle(job);

    check_quantiles(&fixture, &measured);
    check_means(&fixture, &measured);
    check_percentage(&fixture, job);
}

// === impl Measured ===

impl Measured {
    /// Sends this many concurrent streams to each provider.
    fn send(fixture: &Fixture, times: usize) -> Self {
        let send = |model, sim| {
            let answer = fixture.client.chat(&Chat::streamed(model, sim));
            assert!(answer.status == 200 && answer.is_complete, "{answer:?}");
            answer
        };
        let northwind = "ttft=700ms,tokens=4,token-interval=200ms";
        let halcyon = "ttft=1200ms,tokens=2,token-interval=50ms";
        thread::scope(|scope| {
            let spawn = |model, sim| {
                let all = (0..times).map(|_| scope.spawn(move || send(model, sim)));
                all.collect::<Vec<_>>()
            };
            let both = [spawn("northwind-large", northwind), spawn("halcyon-chat", halcyon)];
            let [northwind, halcyon] =
                both.map(|all| all.into_iter().map(|it| it.join().unwrap()).collect());
            Self { northwind, halcyon }
        })
    }

    fn all(&self) -> impl Iterator<Item = &ClientResponse> {
        self.northwind.iter().chain(&self.halcyon)
    }
}

fn check_quantiles(fixture: &Fixture, measured: &Measured) {
    let heads = |it: &ClientResponse| it.head_after.as_secs_f64();
    let bodies = |it: &ClientResponse| it.body_took.as_secs_f64();
    let number = |query| fixture.prometheus.number(query).unwrap();

    check_bucket(TTFB, number(TTFB), p95(measured.all().map(heads)));
    check_bucket(STREAMING, number(STREAMING), p95(measured.all().map(bodies)));

    let rows = fixture.prometheus.query(TTFB_BY_PROVIDER);
    let rows: BTreeMap<_, _> = rows.iter().map(|it| (it.label("provider"), it.value)).collect();
    assert_eq!(rows.keys().collect::<Vec<_>>(), [&"halcyon", &"northwind"]);
    check_bucket("halcyon", rows["halcyon"], p95(measured.halcyon.iter().map(heads)));
    check_bucket("northwind", rows["northwind"], p95(measured.northwind.iter().map(heads)));
    assert!(rows["northwind"] < rows["halcyon"], "{rows:?}");
}

/// Checks that a quantile is in the bucket of the measured value.
#[track_caller]
fn check_bucket(what: &str, quantile: f64, measured: f64) {
    let above = BOUNDS.partition_point(|it| *it < measured);
    let bucket = BOUNDS[above - 1]..=BOUNDS[above];
    assert!(bucket.contains(&quantile), "{what}: {quantile} s, but measured {measured} s");
}

fn check_means(fixture: &Fixture, measured: &Measured) {
    let rows = fixture.prometheus.query(MEAN_BY_STAGE);
    let means: BTreeMap<_, _> = rows.iter().map(|it| (it.label("stage"), it.value)).collect();
    assert_eq!(means.len(), 5, "{means:?}");
    let [sums, counts] = ["sum", "count"].map(|suffix| growth_by_stage(fixture, suffix));
    for (&stage, mean) in &means {
        assert!(16.0 <= counts[stage], "{stage}: {counts:?}");
        let expected = sums[stage] / counts[stage];
        let error = (mean - expected).abs();
        assert!(error < expected * RATE_ERROR, "{stage}: {mean} s instead of {expected} s");
    }

    let mean = |of: fn(&ClientResponse) -> Duration| {
        let all: Vec<_> = measured.all().map(|it| of(it).as_secs_f64()).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let fetch = mean(|it| it.head_after);
    let stream = mean(|it| it.body_took);
    for (stage, expected) in [("backend_fetch", fetch), ("stream_processing", stream)] {
        let error = (means[stage] - expected).abs();
        let allowed = CLIENT_ERROR + expected * RATE_ERROR;
        assert!(error < allowed, "{stage}: {} s, but measured {expected} s", means[stage]);
    }
}

/// Returns the growth of each stage's sum or count since its first sample.
fn growth_by_stage(fixture: &Fixture, suffix: &str) -> BTreeMap<String, f64> {
    let metric = format!("request_stage_duration_seconds_{suffix}");
    let query = format!("sum by (stage) ({metric} - min_over_time({metric}[5m]))");
    let rows = fixture.prometheus.query(&query);
    rows.into_iter().map(|it| (it.label("stage").to_owned(), it.value)).collect()
}

fn check_percentage(fixture: &Fixture, job: &str) {
    // The percentage is of the last interval with a request; this is the only request in it.
    let sim = "ttft=900ms,tokens=4,token-interval=100ms";
    let answer = fixture.client.chat(&Chat::streamed("northwind-large", sim));
    fixture.settle(job);

    let percentage = fixture.prometheus.number(BACKEND_PERCENTAGE).unwrap();

    let (head, body) = (answer.head_after.as_secs_f64(), answer.body_took.as_secs_f64());
    let expected = head / (head + body) * 100.0;
    assert!((percentage - expected).abs() < 5.0, "{percentage} %, but measured {expected} %");
}

fn p95(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() * 95).div_ceil(100) - 1]
}
