//! A panic on the export thread. One test, because it needs the global subscriber.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline};
use testbed::{OtlpSink, SinkAnswer};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// A program's layer that panics on each warning and error of the export thread.
struct Faulty;

static PANICS: AtomicU64 = AtomicU64::new(0);

// === impl Faulty ===

impl<S: Subscriber> Layer<S> for Faulty {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let is_export = thread::current().name() == Some("stagelight-export");
        if is_export && *event.metadata().level() <= Level::WARN {
            PANICS.fetch_add(1, Relaxed);
            panic!("on purpose");
        }
    }
}

#[test]
fn exports_go_on_after_a_panic_which_is_counted() {
    let sink = OtlpSink::start().unwrap();
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "20"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.grpc_endpoint()),
    ]));
    config.shutdown_timeout = Duration::from_secs(20);
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    tracing_subscriber::registry().with(pipeline.tracing_layer()).with(Faulty).init();
    // The export logs that a signal is rejected, and panics: once per signal, as both are logged
    // once only. The supervisor's own log event panics as well.
    sink.answer(SinkAnswer::Reject(1));
    tracing::info_span!("first").in_scope(|| {});
    assert!(sink.wait_until(|_| 4 <= PANICS.load(Relaxed)));
    sink.answer(SinkAnswer::Take);
    tracing::info_span!("second").in_scope(|| {});
    assert!(sink.wait_until(|it| it.spans().iter().any(|it| it.name == "second")));
    pipeline.flush().unwrap();

    let lines = sink.last_metric_lines();
    let find = |name: &str| {
        lines.iter().find(|it| it.contains(name) && it.contains("error.type=panic")).cloned()
    };
    assert!(find("exporter.span.exported").unwrap().ends_with("int 1"), "{lines:?}");
    assert!(find("exporter.metric_data_point.exported").is_some(), "{lines:?}");
    let size = lines.iter().find(|it| it.contains("span.queue.size")).unwrap();
    assert!(size.ends_with("int 0"), "{size}");
}
