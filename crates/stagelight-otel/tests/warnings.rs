//! Log events about single exports. One test, because it needs the global subscriber.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use expect_test::expect;
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline};
use testbed::{OtlpSink, SinkAnswer};
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// Keeps events at level `INFO` and above.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Fields(String);

// === impl Log ===

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() <= Level::INFO {
            let mut fields = Fields::default();
            event.record(&mut fields);
            self.0.lock().unwrap().push(format!("{}{}", metadata.level(), fields.0));
        }
    }
}

// === impl Fields ===

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

#[test]
fn warnings_and_losses_are_logged_once_as_what_they_are() {
    let log = Log::default();
    tracing_subscriber::registry().with(log.clone()).init();
    let sink = OtlpSink::start().unwrap();
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.grpc_endpoint()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
    ]));
    config.export_interval = Duration::from_secs(3600);
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    let page = format!("old\r\nnames\u{1b}[31m{}", "!".repeat(500_000));
    sink.answer(SinkAnswer::Warn(page.leak()));
    for _ in 0..2 {
        pipeline.flush().unwrap();
    }
    for answer in [SinkAnswer::Refuse, SinkAnswer::Unavailable, SinkAnswer::Refuse] {
        sink.answer(answer);
        pipeline.flush().unwrap_err();
    }
    sink.answer(SinkAnswer::Take);
    pipeline.flush().unwrap();
    for answer in [SinkAnswer::Unavailable, SinkAnswer::Refuse, SinkAnswer::Refuse] {
        sink.answer(answer);
        pipeline.flush().unwrap_err();
    }

    let lines = log.0.lock().unwrap().join("\n") + "\n";
    let lines = lines.replace(&sink.ports().0.to_string(), "PORT");
    let lines = lines.replace(&"!".repeat(185), "!…");
    expect![[r#"
        WARN message=the collector accepted telemetry with a warning; further warnings are not logged signal=metrics endpoint="http://127.0.0.1:PORT" warning="old  names [31m!…"
        WARN message=telemetry export failed and is not retried; further failures are not logged endpoint="http://127.0.0.1:PORT" signal=metrics error=http://127.0.0.1:PORT responded with InvalidArgument: no, thank you
        INFO message=telemetry export recovered endpoint="http://127.0.0.1:PORT" signal=metrics
        WARN message=telemetry export failed; retrying, further failures are not logged endpoint="http://127.0.0.1:PORT" signal=metrics error=http://127.0.0.1:PORT responded with Unavailable: unavailable
        WARN message=telemetry export failed and is not retried; further failures are not logged endpoint="http://127.0.0.1:PORT" signal=metrics error=http://127.0.0.1:PORT responded with InvalidArgument: no, thank you
    "#]].assert_eq(&lines);
}
