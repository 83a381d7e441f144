//! Log events about exports. One test, because it needs the global subscriber.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use expect_test::expect;
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline};
use testbed::OtlpSink;
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
            let line = format!("{} {}:{}", metadata.level(), metadata.target(), fields.0);
            self.0.lock().unwrap().push(line);
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
fn an_outage_and_its_end_are_logged_once_and_exports_create_no_spans() {
    let log = Log::default();
    let sink = OtlpSink::start().unwrap();
    let (grpc, http) = sink.ports();
    let endpoint = sink.grpc_endpoint();
    drop(sink);

    let environment = Environment::from_pairs([
        ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
    ]);
    let config = Config::from_env(&environment);
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    // All levels: h2 and hyper create spans at the lower ones.
    tracing_subscriber::registry().with(pipeline.tracing_layer()).with(log.clone()).init();
    tracing::info_span!("work").in_scope(|| {});

    // Dozens of failures per signal.
    thread::sleep(Duration::from_secs(2));
    let sink = OtlpSink::start_at(grpc, http).unwrap();
    assert!(sink.wait_until(|it| 5 <= it.metrics().len() && !it.spans().is_empty()));
    pipeline.shutdown().unwrap();

    let names: BTreeSet<_> = sink.spans().into_iter().map(|it| it.name).collect();
    assert_eq!(names, BTreeSet::from(["work".to_owned()]));
    let lines: Vec<_> = log.0.lock().unwrap().iter().map(|it| normalize(it, grpc)).collect();
    expect![[r#"
        WARN stagelight: message=telemetry export failed; retrying, further failures are not logged endpoint="http://127.0.0.1:PORT" signal=traces error=…
        INFO stagelight: message=telemetry export recovered endpoint="http://127.0.0.1:PORT" signal=traces
    "#]].assert_eq(&(lines.join("\n") + "\n"));
}

/// Removes what differs between runs: the port, the signal that fails first, and its error.
fn normalize(line: &str, port: u16) -> String {
    let line = line.replace(&port.to_string(), "PORT");
    let line = line.replace("signal=metrics", "signal=traces");
    let (start, rest) = line.split_once(" error=").unwrap_or((&line, ""));
    if rest.is_empty() { line.clone() } else { format!("{start} error=…") }
}
