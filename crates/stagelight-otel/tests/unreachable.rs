//! Collectors that are down or do not respond.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the tests measure how long calls block")]

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use stagelight_core::{
    Engine,
    catalog::{self, labels::Endpoint},
};
use stagelight_otel::{
    Config, DeliveryError, Environment, Pipeline, Protocol, ShutdownError, Signal,
};
use testbed::{OtlpSink, SinkAnswer};
use tracing_subscriber::prelude::*;

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];
const BOUND: Duration = Duration::from_millis(800);
/// Tolerance for a busy machine.
const SLACK: Duration = Duration::from_secs(2);

fn config(endpoint: &str, protocol: Protocol) -> Config {
    bounded(endpoint, protocol, BOUND)
}

fn bounded(endpoint: &str, protocol: Protocol, shutdown_timeout: Duration) -> Config {
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ]));
    config.shutdown_timeout = shutdown_timeout;
    config
}

/// Listens, so that the kernel accepts connections, and never responds.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// Returns an address without a listener.
fn closed() -> String {
    silent().1
}

/// Starts a pipeline and records a span and a value, neither of which may block.
fn used(config: Config) -> Pipeline {
    let started = Instant::now();
    let engine = Engine::new();
    let begun = Instant::now();
    let pipeline = Pipeline::start(&engine, config).unwrap();
    let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
    tracing::subscriber::with_default(subscriber, || tracing::info_span!("work").in_scope(|| {}));
    engine.record(&catalog::FRONTEND, Endpoint::new("/"), &[catalog::FRONTEND_PROCESSING.value(1)]);
    assert!(begun.elapsed() < SLACK, "{:?}", started.elapsed());
    pipeline
}

#[track_caller]
fn check_undelivered(outcome: Result<(), ShutdownError>, kind: &str) {
    let error = outcome.unwrap_err();
    let lost: Vec<_> = error.undelivered.iter().map(|it| (it.signal, it.spans)).collect();
    assert_eq!(lost, [(Signal::Traces, 1), (Signal::Metrics, 0)], "{error}");
    for lost in &error.undelivered {
        assert_eq!(lost.error.kind(), kind, "{error}");
    }
}

#[test]
fn an_unresponsive_collector_delays_shutdown_by_the_timeout_only() {
    for protocol in PROTOCOLS {
        let (_listener, endpoint) = silent();
        let pipeline = used(config(&endpoint, protocol));
        let begun = Instant::now();
        let outcome = pipeline.shutdown();
        assert!((BOUND..BOUND + SLACK).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        check_undelivered(outcome, "timeout");
    }
}

#[test]
fn shutdown_does_not_wait_for_a_collector_that_is_down() {
    for protocol in PROTOCOLS {
        let pipeline = used(bounded(&closed(), protocol, Duration::from_secs(60)));
        let begun = Instant::now();
        let outcome = pipeline.shutdown();
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
        let text = outcome.as_ref().unwrap_err().to_string();
        assert!(
            text.starts_with("not delivered: 1 spans (no connection to http://127.0.0.1:"),
            "{text}"
        );
        assert!(text.contains("Connection refused"), "{text}");
        check_undelivered(outcome, "connection");
    }
}

#[test]
fn an_unknown_host_is_reported() {
    let pipeline = used(config("http://collector.invalid:4317", Protocol::Grpc));
    let error = pipeline.shutdown().unwrap_err();
    let is_expected = |it: &DeliveryError| ["connection", "timeout"].contains(&it.kind());
    assert!(error.undelivered.iter().all(|it| is_expected(&it.error)), "{error}");
}

#[test]
fn dropping_is_bounded_and_silent() {
    let (_listener, endpoint) = silent();
    let pipeline = used(config(&endpoint, Protocol::Grpc));
    let begun = Instant::now();
    drop(pipeline);
    assert!(begun.elapsed() < BOUND + SLACK, "{:?}", begun.elapsed());
}

#[test]
fn dropping_delivers() {
    let sink = OtlpSink::start().unwrap();
    drop(used(config(&sink.grpc_endpoint(), Protocol::Grpc)));
    assert_eq!((sink.spans().len(), sink.metrics().len()), (1, 1));
}

#[test]
fn a_running_export_does_not_delay_shutdown() {
    let (_listener, endpoint) = silent();
    let mut config = config(&endpoint, Protocol::HttpProtobuf);
    config.export_interval = Duration::from_millis(10);
    let pipeline = used(config);
    // Long enough for an export to hang.
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let error = pipeline.shutdown().unwrap_err();
    assert!(begun.elapsed() < BOUND + SLACK, "{:?}", begun.elapsed());
    assert_eq!(error.undelivered.len(), 2, "{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn blocking_on_a_current_thread_runtime_does_not_deadlock() {
    let sink = OtlpSink::start().unwrap();
    let pipeline = used(config(&sink.grpc_endpoint(), Protocol::Grpc));
    pipeline.flush().unwrap();
    pipeline.shutdown().unwrap();
    assert_eq!(sink.spans().len(), 1);

    let (_listener, endpoint) = silent();
    let pipeline = used(config(&endpoint, Protocol::Grpc));
    check_undelivered(pipeline.shutdown(), "timeout");
    drop(used(config(&endpoint, Protocol::Grpc)));
}

#[tokio::test(flavor = "current_thread")]
async fn async_shutdown_does_not_block_other_tasks() {
    let (_listener, endpoint) = silent();
    let pipeline = used(config(&endpoint, Protocol::Grpc));
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        let mut turns = 0;
        while is_done.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            turns += 1;
        }
        turns
    });
    check_undelivered(pipeline.shutdown_async().await, "timeout");
    done.send(()).unwrap();
    assert!(10 < other.await.unwrap());
}

#[test]
fn shutdown_works_after_the_users_runtime_has_stopped() {
    let sink = OtlpSink::start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pipeline =
        runtime.block_on(async { used(config(&sink.http_endpoint(), Protocol::HttpProtobuf)) });
    drop(runtime);
    pipeline.shutdown().unwrap();
    assert_eq!(sink.spans().len(), 1);
}

#[test]
fn a_transient_error_is_retried() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        let endpoint = match protocol {
            Protocol::Grpc => sink.grpc_endpoint(),
            _ => sink.http_endpoint(),
        };
        sink.answer(SinkAnswer::Unavailable);
        let pipeline = used(bounded(&endpoint, protocol, Duration::from_secs(30)));
        thread::scope(|scope| {
            let flushing = scope.spawn(|| pipeline.flush());
            assert!(sink.wait_until(|it| 2 <= it.heads().len()));
            sink.answer(SinkAnswer::Take);
            flushing.join().unwrap().unwrap();
        });
        assert_eq!((sink.spans().len(), sink.metrics().len()), (1, 1));
    }
}

#[test]
fn a_permanent_error_is_not_retried() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        let (endpoint, kind) = match protocol {
            Protocol::Grpc => (sink.grpc_endpoint(), "InvalidArgument"),
            _ => (sink.http_endpoint(), "400"),
        };
        sink.answer(SinkAnswer::Refuse);
        let outcome = used(config(&endpoint, protocol)).shutdown();
        let text = outcome.as_ref().unwrap_err().to_string();
        assert!(text.contains(&format!("responded with {kind}: no, thank you")), "{text}");
        check_undelivered(outcome, kind);
        assert_eq!(sink.heads().len(), 2);
    }
}

#[test]
fn nothing_is_lost_while_a_collector_restarts() {
    let sink = OtlpSink::start().unwrap();
    let (grpc, http) = sink.ports();
    let endpoint = sink.grpc_endpoint();
    let pipeline = used(bounded(&endpoint, Protocol::Grpc, Duration::from_secs(20)));
    pipeline.flush().unwrap();
    drop(sink);

    let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
    tracing::subscriber::with_default(subscriber, || tracing::info_span!("later").in_scope(|| {}));
    let (ended, end) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| ended.send(pipeline.flush()).unwrap());
        // Long enough for a failed attempt.
        end.recv_timeout(Duration::from_millis(300)).unwrap_err();
        let sink = OtlpSink::start_at(grpc, http).unwrap();
        end.recv().unwrap().unwrap();
        let names: Vec<_> = sink.spans().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["later"]);
        let lines = sink.last_metric_lines();
        assert!(lines.iter().any(|it| it.starts_with("frontend.processing")), "{lines:?}");
    });
}
