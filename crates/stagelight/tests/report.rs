//! What the log says once about a start.

use std::{
    fmt,
    sync::mpsc::{self, Receiver, Sender},
    time::Duration,
};

use expect_test::expect;
use stagelight::{Builder, otel::Environment};
use tracing::{Event, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// Sends the events with the target `stagelight`.
struct Log(Sender<String>);

#[derive(Default)]
struct Message(String);

// === impl Log ===

impl Log {
    fn new() -> (Self, Receiver<String>) {
        let (lines, log) = mpsc::channel();
        (Self(lines), log)
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "stagelight" {
            let mut message = Message::default();
            event.record(&mut message);
            drop(self.0.send(format!("{} {}", event.metadata().level(), message.0)));
        }
    }
}

// === impl Message ===

impl Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

fn builder() -> Builder {
    Builder::from_env(&Environment::from_pairs([
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318"),
        ("HTTP_PROXY", "http://proxy.invalid:3128"),
        ("OTEL_TRACES_SAMPLER", "all"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("STAGELIGHT_SHUTDOWN_TIMEOUT", "100"),
    ]))
}

#[test]
fn the_first_subscriber_with_the_tracing_layer_logs_it_once() {
    let telemetry = builder().build().unwrap();
    let (layer, log) = Log::new();
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer()).with(layer);
    let guard = subscriber.set_default();
    let line = || {
        let line = log.recv_timeout(Duration::from_secs(10)).unwrap();
        line.replace([':', ';'], "\n  ")
    };
    expect![[r#"
        INFO exporting traces to http
          //collector.invalid
          4318/v1/traces over http/protobuf (sampler parentbased_always_on), no metrics"#]]
    .assert_eq(&line());
    expect![[r#"
        WARN invalid OTEL_TRACES_SAMPLER="all"
           expected `always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`
           using parentbased_always_on"#]]
    .assert_eq(&line());

    expect![[r#"
        WARN exports do not use the proxy of HTTP_PROXY and connect directly
           add the collector's host to NO_PROXY if it needs no proxy"#]]
    .assert_eq(&line());

    let (layer, other) = Log::new();
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer()).with(layer);
    drop(subscriber.set_default());
    drop(guard);
    assert_eq!(log.iter().count(), 0);
    assert_eq!(other.iter().count(), 0);
}
