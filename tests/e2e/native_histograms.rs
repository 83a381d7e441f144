//! Exponential histograms become Prometheus' native ones, and answer the same questions more exactly.

use crate::{
    bench::{Bench, OTLP, options},
    caller::Chat,
};

/// A bucket's width, 2.2 %, and the time between a caller's clock and the gateway's.
const ERROR: f64 = 0.05;

#[test]
fn the_same_questions_are_answered_by_native_histograms() {
    let mut options = options();
    let name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    let value = "base2_exponential_bucket_histogram";
    options.gateway_env.push((name.to_owned(), value.to_owned()));
    options.gateway_env.push(("STAGELIGHT_STRICT".to_owned(), "true".to_owned()));
    let bench = Bench::start(&options);
    let chat = Chat::streamed("northwind-mini", "ttft=800ms,tokens=2,token-interval=300ms");
    bench.caller.chat(&chat);
    bench.settle(OTLP);

    let answer = bench.caller.chat(&chat);
    bench.settle(OTLP);

    let number = |query: &str| bench.prometheus.number(query).unwrap();
    let p95 = number("histogram_quantile(0.95, sum(rate(backend_ttfb_seconds[5m])))");
    let head = answer.head_after.as_secs_f64();
    assert!((p95 - head).abs() < ERROR * head, "{p95} s, but measured {head} s");
    for metric in ["backend_ttfb_seconds", "streaming_duration_seconds", "request_duration_seconds"]
    {
        bench.prometheus.wait_for(&format!("sum(histogram_count({metric}))"), 2.0);
    }
    // Those without quantiles in the catalogue are native, too, and none has both forms.
    bench.prometheus.wait_for(
        "sum(histogram_count(request_stage_share_seconds{stage=\"backend_fetch\"}))",
        2.0,
    );
    assert_eq!(
        bench.prometheus.query("{__name__=~\"(request|backend|http_server)_.*_bucket\"}"),
        []
    );
    let exemplars = bench.prometheus.exemplars("backend_ttfb_seconds");
    assert!(!exemplars.is_empty());
}
