//! Spans that a collector receives.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::HashSet, time::Duration};

use opentelemetry_proto::tonic::trace::v1::Span;
use stagelight_core::Engine;
use stagelight_otel::{
    Config, Environment, Exporter, Pipeline, Protocol, Sampler, config::Endpoint,
};
use testbed::{OtlpSink, SinkAnswer, resource_lines, span_lines};
use tracing_subscriber::{Registry, prelude::*};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn config(sink: &OtlpSink, pairs: &[(&str, &str)]) -> Config {
    let environment = Environment::from_pairs(pairs.iter().copied());
    let mut config = Config::from_env(&environment);
    send_to(&mut config, Protocol::Grpc, &sink.grpc_endpoint());
    config
}

fn send_to(config: &mut Config, protocol: Protocol, endpoint: &str) {
    for otlp in [&mut config.traces, &mut config.metrics] {
        otlp.protocol = protocol;
        otlp.endpoint = Some(Endpoint::base(endpoint).unwrap());
    }
}

/// Runs `work` with the pipeline's layer as subscriber.
fn traced(pipeline: &Pipeline, work: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
    tracing::subscriber::with_default(subscriber, work);
}

fn find<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|it| it.name == name).unwrap()
}

#[test]
fn a_trace_has_its_remote_parent_and_the_resource_of_the_metrics() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let sink = OtlpSink::start().unwrap();
        let endpoint = match protocol {
            Protocol::Grpc => sink.grpc_endpoint(),
            _ => sink.http_endpoint(),
        };
        let mut config = config(&sink, &[("OTEL_SERVICE_NAME", "gateway")]);
        send_to(&mut config, protocol, &endpoint);
        let engine = Engine::new();
        let pipeline = Pipeline::start(&engine, config).unwrap();
        traced(&pipeline, || {
            let request = tracing::info_span!("request", otel.kind = "server", http.route = "/v1");
            let propagator = engine.propagator().unwrap();
            propagator
                .adopt(&request, &|name| (name == "traceparent").then(|| TRACEPARENT.to_owned()));
            request.in_scope(|| {
                tracing::info_span!("auth", stage = "auth_validation").in_scope(|| {});
            });
        });
        pipeline.shutdown().unwrap();

        let spans = sink.spans();
        let (request, auth) = (find(&spans, "request"), find(&spans, "auth"));
        assert_eq!(auth.parent_span_id, request.span_id);
        assert_eq!(request.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
        assert_eq!([&request.trace_id, &auth.trace_id], [&trace[..]; 2]);
        let lines = span_lines(&spans);
        assert!(lines[0].starts_with("auth SPAN_KIND_INTERNAL"), "{lines:?}");
        assert!(lines[0].contains("stage=auth_validation"), "{lines:?}");
        assert!(lines[1].starts_with("request SPAN_KIND_SERVER"), "{lines:?}");
        assert!(lines[1].contains("http.route=/v1"), "{lines:?}");
        let resources: HashSet<_> =
            sink.resources().iter().map(|it| resource_lines(it).join(" ")).collect();
        assert_eq!((resources.len(), sink.resources().len()), (1, 2));
    }
}

/// Returns the number of exported spans of 400 root spans.
fn sampled(pairs: &[(&str, &str)]) -> usize {
    let sink = OtlpSink::start().unwrap();
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, pairs)).unwrap();
    traced(&pipeline, || {
        for _ in 0..400 {
            tracing::info_span!("root").in_scope(|| {});
        }
    });
    pipeline.shutdown().unwrap();
    sink.spans().len()
}

#[test]
fn the_environment_selects_the_sampler() {
    assert_eq!(sampled(&[]), 400);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "always_off")]), 0);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]), 0);
    let quarter = sampled(&[
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ]);
    // Seven standard deviations on each side.
    assert!((40..160).contains(&quarter), "{quarter} of 400");
}

#[test]
fn the_remote_parents_decision_overrides_the_root_sampler() {
    for (flags, expected) in [("01", 1), ("00", 0)] {
        let sink = OtlpSink::start().unwrap();
        let engine = Engine::new();
        let mut config = config(&sink, &[]);
        config.sampler = Sampler::ParentBasedAlwaysOff;
        let pipeline = Pipeline::start(&engine, config).unwrap();
        traced(&pipeline, || {
            let parent = TRACEPARENT.replace("-01", &format!("-{flags}"));
            let span = tracing::info_span!("request");
            engine
                .propagator()
                .unwrap()
                .adopt(&span, &|it| (it == "traceparent").then(|| parent.clone()));
        });
        pipeline.shutdown().unwrap();
        assert_eq!(sink.spans().len(), expected);
    }
}

#[test]
fn a_full_batch_does_not_wait_for_the_delay() {
    let sink = OtlpSink::start().unwrap();
    let pairs = [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3"), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, &pairs)).unwrap();
    traced(&pipeline, || {
        for _ in 0..3 {
            tracing::info_span!("root").in_scope(|| {});
        }
    });
    assert!(sink.wait_until(|it| it.spans().len() == 3));
}

#[test]
fn a_partial_batch_is_exported_after_the_delay() {
    let sink = OtlpSink::start().unwrap();
    let pairs = [("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, &pairs)).unwrap();
    traced(&pipeline, || tracing::info_span!("root").in_scope(|| {}));
    assert!(sink.wait_until(|it| it.spans().len() == 1));
}

#[test]
fn dropped_spans_are_counted_and_the_count_is_exported() {
    let sink = OtlpSink::start().unwrap();
    let pairs = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
    ];
    sink.answer(SinkAnswer::Unavailable);
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, &pairs)).unwrap();
    traced(&pipeline, || {
        for _ in 0..5 {
            tracing::info_span!("root").in_scope(|| {});
        }
    });
    let error = pipeline.flush().unwrap_err();
    assert!(error.to_string().contains("2 spans"), "{error}");
    sink.answer(SinkAnswer::Take);
    pipeline.flush().unwrap();
    pipeline.flush().unwrap();

    assert_eq!(sink.spans().len(), 2);
    let lines = sink.last_metric_lines();
    let processed: Vec<_> = lines.iter().filter(|it| it.contains("span.processed")).collect();
    let values: Vec<_> = processed.iter().map(|it| it.rsplit(' ').next().unwrap()).collect();
    assert_eq!(values, ["3", "2"]);
    assert!(processed[0].contains("error.type=queue_full"), "{processed:?}");
    assert!(lines.iter().any(|it| it.contains("span.exported") && it.ends_with("int 2")));
}

#[test]
fn rejected_spans_are_counted() {
    let sink = OtlpSink::start().unwrap();
    sink.answer(SinkAnswer::Reject(1));
    let mut config = config(&sink, &[]);
    config.metrics_exporter = Exporter::None;
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    traced(&pipeline, || {
        for _ in 0..3 {
            tracing::info_span!("root").in_scope(|| {});
        }
    });
    let error = pipeline.shutdown().unwrap_err();
    assert_eq!((error.undelivered.len(), error.undelivered[0].spans), (1, 1));
}

#[test]
fn without_an_exporter_context_is_still_propagated() {
    let sink = OtlpSink::start().unwrap();
    let quiet = || {
        let mut config = config(&sink, &[]);
        config.traces_exporter = Exporter::None;
        config.metrics_exporter = Exporter::None;
        config
    };
    let engine = Engine::new();
    let pipeline = Pipeline::start(&engine, quiet()).unwrap();
    traced(&pipeline, || {
        let span = tracing::info_span!("request");
        let propagator = engine.propagator().unwrap();
        propagator.adopt(&span, &|it| (it == "traceparent").then(|| TRACEPARENT.to_owned()));
        let mut sent = Vec::new();
        propagator.inject(&span, &mut |name, value| sent.push((name.to_owned(), value)));
        let (_, parent) = sent.iter().find(|it| it.0 == "traceparent").unwrap();
        assert_eq!(parent[..35], TRACEPARENT[..35]);
    });
    let mut neither = quiet();
    neither.propagation.clear();
    let pipeline = Pipeline::start(&Engine::new(), neither).unwrap();
    assert!(pipeline.tracing_layer::<Registry>().is_none());
}

#[test]
fn shutdown_does_not_wait_for_the_delay() {
    let sink = OtlpSink::start().unwrap();
    let pairs = [("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, &pairs)).unwrap();
    traced(&pipeline, || tracing::info_span!("root").in_scope(|| {}));
    pipeline.shutdown_within(Duration::from_secs(60)).unwrap();
    assert_eq!(sink.spans().len(), 1);
    pipeline.shutdown().unwrap();
}
