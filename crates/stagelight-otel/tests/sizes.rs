//! Exports that are larger than a receiver accepts.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]

use std::{collections::BTreeSet, time::Duration};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, metrics::v1::metric::Data,
};
use prost::Message as _;
use stagelight_core::{
    Engine,
    catalog::{self, labels::Endpoint},
    layer_api::SpanKey,
};
use stagelight_otel::{
    Config, Environment, Exporter, Pipeline, Protocol, Signal, config::SpanLimits,
    opentelemetry::KeyValue,
};
use testbed::{OtlpSink, SinkAnswer, metric_lines};
use tracing_subscriber::prelude::*;

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];
const MIB: usize = 1 << 20;

fn config(sink: &OtlpSink, protocol: Protocol) -> Config {
    let endpoint = match protocol {
        Protocol::Grpc => sink.grpc_endpoint(),
        _ => sink.http_endpoint(),
    };
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_SERVICE_NAME", "gateway"),
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
    ]));
    config.export_interval = Duration::from_secs(3600);
    config.shutdown_timeout = Duration::from_secs(30);
    config
}

fn traced(pipeline: &Pipeline, work: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
    tracing::subscriber::with_default(subscriber, work);
}

/// Records 6 MiB of counters, and 200 histograms with an exemplar each.
fn record_much(engine: &Engine, pipeline: &Pipeline) {
    for at in 0..6 {
        let counter = pipeline.meter("app").u64_counter(format!("app.counter{at}")).build();
        for series in 0..1000_u64 {
            counter.add(series, &[KeyValue::new("key", format!("{series:01000}"))]);
        }
    }
    engine.spans().set_current(SpanKey::NONE, Some((0x0af7, 0xb7)));
    for route in 0..200 {
        let route = format!("/{route}");
        let value = catalog::FRONTEND_PROCESSING.value(1_000_000);
        engine.record(&catalog::FRONTEND, Endpoint::new(&route), &[value]);
    }
    engine.spans().set_current(SpanKey::NONE, None);
}

/// Returns the number of points of `frontend.processing`, and of their exemplars.
fn frontend(request: &ExportMetricsServiceRequest) -> (usize, usize) {
    let scopes = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let metrics = scopes.flat_map(|it| &it.metrics).filter(|it| it.name == "frontend.processing");
    let points = metrics.filter_map(|it| match &it.data {
        Some(Data::Histogram(histogram)) => Some(&histogram.data_points),
        _ => None,
    });
    let exemplars: Vec<_> = points.flatten().map(|it| it.exemplars.len()).collect();
    (exemplars.len(), exemplars.iter().sum())
}

#[test]
fn a_large_metrics_export_is_split_into_valid_requests() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        let engine = Engine::new();
        let pipeline = Pipeline::start(&engine, config(&sink, protocol)).unwrap();
        record_much(&engine, &pipeline);
        pipeline.shutdown().unwrap();

        let requests = sink.metrics();
        assert!((6..=16).contains(&requests.len()), "{}", requests.len());
        let mut series = BTreeSet::new();
        for request in &requests {
            assert!(request.encoded_len() <= MIB, "{}", request.encoded_len());
            let [resource] = &request.resource_metrics[..] else { panic!("one resource") };
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            assert!(attributes.iter().any(|it| it.key == "service.name"));
            assert!(resource.scope_metrics.iter().all(|it| it.scope.is_some()));
            for line in metric_lines(request) {
                assert!(series.insert(line.clone()), "sent twice: {line}");
            }
        }
        let counters = series.iter().filter(|it| it.starts_with("app.counter")).count();
        assert_eq!(counters, 6000);
        let points = requests.iter().map(frontend);
        let points = points.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        assert_eq!(points, (200, 200));
    }
}

#[test]
fn failures_are_counted_for_each_request_of_an_export() {
    let sink = OtlpSink::start().unwrap();
    let engine = Engine::new();
    let pipeline = Pipeline::start(&engine, config(&sink, Protocol::Grpc)).unwrap();
    record_much(&engine, &pipeline);
    sink.answer(SinkAnswer::Reject(2));
    pipeline.flush().unwrap_err();
    let requests = sink.metrics().len();
    sink.answer(SinkAnswer::Take);
    pipeline.flush().unwrap();

    let later = sink.metrics().split_off(requests);
    let lines: Vec<_> = later.iter().flat_map(metric_lines).collect();
    let rejected = lines.iter().find(|it| it.contains("error.type=rejected")).unwrap();
    assert!(rejected.ends_with(&format!("int {}", 2 * requests)), "{rejected}");
    // The next export has all values.
    assert_eq!(lines.iter().filter(|it| it.starts_with("app.counter")).count(), 6000);
}

#[test]
fn metrics_arrive_at_a_receiver_with_a_lower_limit() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        sink.answer(SinkAnswer::Limit(100_000));
        let engine = Engine::new();
        let pipeline = Pipeline::start(&engine, config(&sink, protocol)).unwrap();
        record_much(&engine, &pipeline);
        pipeline.shutdown().unwrap();
        let lines: Vec<_> = sink.metrics().iter().flat_map(metric_lines).collect();
        assert_eq!(lines.iter().filter(|it| it.starts_with("app.counter")).count(), 6000);
    }
}

fn span_names(sink: &OtlpSink) -> Vec<String> {
    sink.spans().into_iter().map(|it| it.name).collect()
}

/// Records a span with 200 KiB of events.
fn large_span() {
    tracing::info_span!("large").in_scope(|| {
        for _ in 0..50 {
            tracing::info!(text = "x".repeat(5000));
        }
    });
}

#[test]
fn a_span_that_is_too_large_is_dropped_and_counted_and_the_others_arrive() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        sink.answer(SinkAnswer::Limit(100_000));
        let pipeline = Pipeline::start(&Engine::new(), config(&sink, protocol)).unwrap();
        traced(&pipeline, || {
            tracing::info_span!("a").in_scope(|| {});
            tracing::info_span!("b").in_scope(|| {});
            large_span();
            tracing::info_span!("c").in_scope(|| {});
        });
        let error = pipeline.flush().unwrap_err();
        let lost: Vec<_> = error
            .undelivered
            .iter()
            .map(|it| (it.signal, it.spans, it.error.kind().to_owned()))
            .collect();
        assert_eq!(lost, [(Signal::Traces, 1, "too_large".to_owned())], "{error}");
        assert!(error.to_string().contains("bytes are too large"), "{error}");
        assert_eq!(span_names(&sink), ["a", "b", "c"]);

        traced(&pipeline, || tracing::info_span!("later").in_scope(|| {}));
        pipeline.flush().unwrap();
        assert_eq!(span_names(&sink), ["a", "b", "c", "later"]);
        let lines = sink.last_metric_lines();
        let exported = lines.iter().filter(|it| it.contains("exporter.span.exported"));
        let exported: Vec<_> = exported.collect();
        assert!(exported[0].contains("error.type=too_large"), "{exported:?}");
        assert!(exported[0].ends_with("int 1"), "{exported:?}");
    }
}

#[test]
fn a_span_above_the_limit_of_a_real_server_does_not_stop_traces() {
    let sink = OtlpSink::start().unwrap();
    let mut config = config(&sink, Protocol::Grpc);
    config.metrics_exporter = Exporter::None;
    let engine = Engine::new();
    let pipeline = Pipeline::start(&engine, config).unwrap();
    traced(&pipeline, || {
        // 128 events with 4096 characters of 4 bytes each, three times: 6 MiB. tonic accepts 4 MiB
        // and responds with `OutOfRange`.
        tracing::info_span!("large").in_scope(|| {
            let text = "🚦".repeat(4096);
            for _ in 0..128 {
                tracing::info!(a = text, b = text, c = text);
            }
        });
        tracing::info_span!("small").in_scope(|| {});
    });
    // A batch of this size is sent at once, so the loss may precede the flush.
    drop(pipeline.flush());
    assert_eq!(span_names(&sink), ["small"]);
    let mut snapshot = engine.snapshot();
    pipeline.exporter_metrics()(&mut snapshot);
    let lost =
        format!("{:?}", snapshot.of(&stagelight_otel::catalog::SPAN_EXPORTER).last().unwrap());
    assert!(lost.contains("too_large") && lost.contains("Counter(1)"), "{lost}");
}

#[test]
fn batches_of_spans_have_at_most_one_mebibyte() {
    let sink = OtlpSink::start().unwrap();
    let mut config = config(&sink, Protocol::Grpc);
    config.metrics_exporter = Exporter::None;
    let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
    traced(&pipeline, || (0..20).for_each(|_| large_span()));
    pipeline.shutdown().unwrap();
    assert_eq!(sink.spans().len(), 20);
    let sizes: Vec<_> = sink.traces().iter().map(|it| it.encoded_len()).collect();
    assert!(sizes.len() < 20 && sizes.iter().all(|it| *it <= MIB), "{sizes:?}");
}

#[test]
fn strings_of_spans_are_truncated() {
    let default = SpanLimits::default().value_length;
    for limit in [default, 100] {
        let sink = OtlpSink::start().unwrap();
        let mut config = config(&sink, Protocol::Grpc);
        config.spans.value_length = limit;
        let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
        traced(&pipeline, || {
            let agent = "ä".repeat(190_000);
            tracing::info_span!("request", user_agent.original = agent).in_scope(|| {});
        });
        pipeline.shutdown().unwrap();
        let spans = sink.spans();
        let attributes = &spans[0].attributes;
        let agent = attributes.iter().find(|it| it.key == "user_agent.original").unwrap();
        let size = agent.value.as_ref().unwrap().encoded_len();
        assert!((2 * limit..2 * limit + 8).contains(&size), "{size}");
    }
}
