//! Exponential histograms become native ones in Prometheus, with more precise quantiles.

use crate::{
    client::Chat,
    fixture::{Fixture, OTLP, options},
};

/// Relative tolerance: a bucket's width, 2.2 %, and the difference between client and gateway.
const ERROR: f64 = 0.05;

#[test]
fn native_histograms_answer_the_contracts_queries() {
    let mut options = options();
    let name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    let value = "base2_exponential_bucket_histogram";
    options.gateway_env.push((name.to_owned(), value.to_owned()));
    options.gateway_env.push(("STAGELIGHT_STRICT".to_owned(), "true".to_owned()));
    let fixture = Fixture::start(&options);
    let chat = Chat::streamed("northwind-mini", "ttft=800ms,tokens=2,token-interval=300ms");
    fixture.client.chat(&chat);
    fixture.settle(OTLP);

    let answer = fixture.client.chat(&chat);
    fixture.settle(OTLP);

    let number = |query: &str| fixture.prometheus.number(query).unwrap();
    let p95 = number("histogram_quantile(0.95, sum(rate(backend_ttfb_seconds[5m])))");
    let head = answer.head_after.as_secs_f64();
    assert!((p95 - head).abs() < ERROR * head, "{p95} s, but measured {head} s");
    for metric in ["backend_ttfb_seconds", "streaming_duration_seconds", "request_duration_seconds"]
    {
        fixture.prometheus.wait_for(&format!("sum(histogram_count({metric}))"), 2.0);
    }
    // All histograms are native, and none is classic as well.
    fixture.prometheus.wait_for(
        "sum(histogram_count(request_stage_share_seconds{stage=\"backend_fetch\"}))",
        2.0,
    );
    assert_eq!(
        fixture.prometheus.query("{__name__=~\"(request|backend|http_server)_.*_bucket\"}"),
        []
    );
    let exemplars = fixture.prometheus.exemplars("backend_ttfb_seconds");
    assert!(!exemplars.is_empty());
}
