//! The five questions that people already ask Prometheus, unchanged, by OTLP and by scrape.

use std::{collections::BTreeMap, thread, time::Duration};

use xtask::{StackOptions, Workspace};

use crate::{
    bench::{Bench, OTLP, SCRAPE, options},
    caller::{Answer, Chat},
};

const TTFB: &str = "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le))";
const STREAMING: &str =
    "histogram_quantile(0.95, sum(rate(streaming_duration_seconds_bucket[5m])) by (le))";
const TTFB_BY_PROVIDER: &str =
    "histogram_quantile(0.95, sum(rate(backend_ttfb_seconds_bucket[5m])) by (le, provider))";
const MEAN_BY_STAGE: &str = "sum(rate(request_stage_duration_seconds_sum[5m])) by (stage) / sum(rate(request_stage_duration_seconds_count[5m])) by (stage)";
const BACKEND_PERCENTAGE: &str = "avg(stage_percentage{stage=\"backend_response\"})";

/// The five, and the units that their answers are in, as Grafana calls them.
pub(crate) const CONTRACT: [(&str, &str); 5] = [
    (TTFB, "s"),
    (STREAMING, "s"),
    (TTFB_BY_PROVIDER, "s"),
    (MEAN_BY_STAGE, "s"),
    (BACKEND_PERCENTAGE, "percent"),
];

/// Between which bounds a quantile of these histograms may be anywhere, in seconds.
const BOUNDS: [f64; 10] = [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0];

/// How far off a mean may be, as a part of it: `rate` guesses what lies before its first sample.
const RATE_ERROR: f64 = 0.1;

/// How much longer a caller may see something take than the gateway does, in seconds.
const CALLER_ERROR: f64 = 0.1;

/// What a caller has measured of requests sent to two providers at once.
struct Measured {
    northwind: Vec<Answer>,
    halcyon: Vec<Answer>,
}

#[test]
fn the_readme_asks_the_five_queries_of_the_contract() {
    let readme = std::fs::read_to_string(Workspace::find().path("README.md")).unwrap();
    let block = readme.split("```promql\n").nth(1).and_then(|it| it.split("```").next()).unwrap();

    assert_eq!(block.lines().collect::<Vec<_>>(), CONTRACT.map(|it| it.0));
}

#[test]
fn the_five_queries_answer_what_a_caller_measures_when_metrics_are_pushed() {
    check(OTLP, &options());
}

#[test]
fn the_five_queries_answer_what_a_caller_measures_when_metrics_are_scraped() {
    let scrape_interval = Some(Duration::from_millis(500));
    let mut options = StackOptions { scrape_interval, ..options() };
    options.gateway_env.push(("OTEL_METRICS_EXPORTER".to_owned(), "none".to_owned()));
    check(SCRAPE, &options);
}

fn check(job: &str, options: &StackOptions) {
    let bench = Bench::start(options);
    // A rate needs a first sample to grow from, so each series has to be there before.
    Measured::send(&bench, 1);
    bench.settle(job);

    let measured = Measured::send(&bench, 8);
    bench.settle(job);

    check_quantiles(&bench, &measured);
    check_means(&bench, &measured);
    check_percentage(&bench, job);
}

// === impl Measured ===

impl Measured {
    /// Sends so many streams to each provider, all at once.
    fn send(bench: &Bench, times: usize) -> Self {
        let ask = |model, sim| {
            let answer = bench.caller.chat(&Chat::streamed(model, sim));
            assert!(answer.status == 200 && answer.is_whole, "{answer:?}");
            answer
        };
        let northwind = "ttft=700ms,tokens=4,token-interval=200ms";
        let halcyon = "ttft=1200ms,tokens=2,token-interval=50ms";
        thread::scope(|scope| {
            let spawn = |model, sim| {
                let all = (0..times).map(|_| scope.spawn(move || ask(model, sim)));
                all.collect::<Vec<_>>()
            };
            let both = [spawn("northwind-large", northwind), spawn("halcyon-chat", halcyon)];
            let [northwind, halcyon] =
                both.map(|all| all.into_iter().map(|it| it.join().unwrap()).collect());
            Self { northwind, halcyon }
        })
    }

    fn all(&self) -> impl Iterator<Item = &Answer> {
        self.northwind.iter().chain(&self.halcyon)
    }
}

fn check_quantiles(bench: &Bench, measured: &Measured) {
    let heads = |it: &Answer| it.head_after.as_secs_f64();
    let bodies = |it: &Answer| it.body_took.as_secs_f64();
    let number = |query| bench.prometheus.number(query).unwrap();

    check_bucket(TTFB, number(TTFB), p95(measured.all().map(heads)));
    check_bucket(STREAMING, number(STREAMING), p95(measured.all().map(bodies)));

    let rows = bench.prometheus.query(TTFB_BY_PROVIDER);
    let rows: BTreeMap<_, _> = rows.iter().map(|it| (it.label("provider"), it.value)).collect();
    assert_eq!(rows.keys().collect::<Vec<_>>(), [&"halcyon", &"northwind"]);
    check_bucket("halcyon", rows["halcyon"], p95(measured.halcyon.iter().map(heads)));
    check_bucket("northwind", rows["northwind"], p95(measured.northwind.iter().map(heads)));
    assert!(rows["northwind"] < rows["halcyon"], "{rows:?}");
}

/// Checks that a quantile is in the bucket of the value that was measured.
#[track_caller]
fn check_bucket(what: &str, quantile: f64, measured: f64) {
    let above = BOUNDS.partition_point(|it| *it < measured);
    let bucket = BOUNDS[above - 1]..=BOUNDS[above];
    assert!(bucket.contains(&quantile), "{what}: {quantile} s, but measured {measured} s");
}

fn check_means(bench: &Bench, measured: &Measured) {
    let rows = bench.prometheus.query(MEAN_BY_STAGE);
    let means: BTreeMap<_, _> = rows.iter().map(|it| (it.label("stage"), it.value)).collect();
    assert_eq!(means.len(), 5, "{means:?}");
    let [sums, counts] = ["sum", "count"].map(|suffix| growth_by_stage(bench, suffix));
    for (&stage, mean) in &means {
        assert!(16.0 <= counts[stage], "{stage}: {counts:?}");
        let expected = sums[stage] / counts[stage];
        let error = (mean - expected).abs();
        assert!(error < expected * RATE_ERROR, "{stage}: {mean} s instead of {expected} s");
    }

    let mean = |of: fn(&Answer) -> Duration| {
        let all: Vec<_> = measured.all().map(|it| of(it).as_secs_f64()).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let fetch = mean(|it| it.head_after);
    let stream = mean(|it| it.body_took);
    for (stage, expected) in [("backend_fetch", fetch), ("stream_processing", stream)] {
        let error = (means[stage] - expected).abs();
        let allowed = CALLER_ERROR + expected * RATE_ERROR;
        assert!(error < allowed, "{stage}: {} s, but measured {expected} s", means[stage]);
    }
}

/// Returns by how much the sum or the count of each stage's durations has grown since Prometheus
/// first saw it.
fn growth_by_stage(bench: &Bench, suffix: &str) -> BTreeMap<String, f64> {
    let metric = format!("request_stage_duration_seconds_{suffix}");
    let query = format!("sum by (stage) ({metric} - min_over_time({metric}[5m]))");
    let rows = bench.prometheus.query(&query);
    rows.into_iter().map(|it| (it.label("stage").to_owned(), it.value)).collect()
}

fn check_percentage(bench: &Bench, job: &str) {
    // The percentage is of the last interval in which a request ended; this one is alone in it.
    let sim = "ttft=900ms,tokens=4,token-interval=100ms";
    let answer = bench.caller.chat(&Chat::streamed("northwind-large", sim));
    bench.settle(job);

    let percentage = bench.prometheus.number(BACKEND_PERCENTAGE).unwrap();

    let (head, body) = (answer.head_after.as_secs_f64(), answer.body_took.as_secs_f64());
    let expected = head / (head + body) * 100.0;
    assert!((percentage - expected).abs() < 5.0, "{percentage} %, but measured {expected} %");
}

fn p95(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() * 95).div_ceil(100) - 1]
}
