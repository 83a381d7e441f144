//! Durations at the limits of their type.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline};
use testbed::OtlpSink;
use tracing_subscriber::prelude::*;

fn config(sink: &OtlpSink) -> Config {
    Config::from_env(&Environment::from_pairs([
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.grpc_endpoint()),
    ]))
}

/// Starts a pipeline and records a span.
fn used(config: Config) -> Pipeline {
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
    tracing::subscriber::with_default(subscriber, || tracing::info_span!("work").in_scope(|| {}));
    pipeline
}

#[test]
fn everything_arrives_with_the_longest_durations() {
    let settings: [fn(&mut Config); 4] = [
        |it| it.metrics.timeout = Duration::MAX,
        |it| it.export_interval = Duration::MAX,
        |it| it.shutdown_timeout = Duration::MAX,
        |it| {
            for otlp in [&mut it.traces, &mut it.metrics] {
                otlp.timeout = Duration::MAX;
            }
            it.export_interval = Duration::MAX;
            it.export_timeout = Duration::MAX;
            it.shutdown_timeout = Duration::MAX;
            it.spans.delay = Duration::MAX;
            it.spans.timeout = Duration::MAX;
        },
    ];
    for set in settings {
        let sink = OtlpSink::start().unwrap();
        let mut config = config(&sink);
        set(&mut config);
        let pipeline = used(config);
        pipeline.flush().unwrap();
        assert_eq!((sink.spans().len(), sink.metrics().len()), (1, 1));
        pipeline.shutdown().unwrap();
        assert_eq!(sink.metrics().len(), 2);
    }
}

#[tokio::test]
async fn an_async_shutdown_without_limit_sends_everything() {
    let sink = OtlpSink::start().unwrap();
    let mut unlimited = config(&sink);
    unlimited.shutdown_timeout = Duration::MAX;
    let pipeline = used(unlimited);
    pipeline.shutdown_async().await.unwrap();
    assert_eq!((sink.spans().len(), sink.metrics().len()), (1, 1));

    let sink = OtlpSink::start().unwrap();
    used(config(&sink)).shutdown_within(Duration::MAX).unwrap();
    assert_eq!((sink.spans().len(), sink.metrics().len()), (1, 1));
}

#[test]
fn an_interval_of_zero_exports_continuously() {
    let sink = OtlpSink::start().unwrap();
    let mut config = config(&sink);
    config.export_interval = Duration::ZERO;
    let _pipeline = used(config);
    assert!(sink.wait_until(|it| 3 <= it.metrics().len()));
}
