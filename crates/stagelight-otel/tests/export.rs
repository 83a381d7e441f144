//! Metrics that a collector receives.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    thread,
    time::{Duration, SystemTime},
};

use expect_test::{Expect, expect};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{HistogramDataPoint, metric::Data},
};
use stagelight_core::{
    Clock, Engine,
    catalog::{
        self,
        labels::{
            self, ErrorType, HttpRequestMethod, HttpResponseStatusCode, HttpRoute,
            NetworkProtocolVersion, Stage, UrlScheme,
        },
    },
    layer_api::SpanKey,
};
use stagelight_otel::{
    Config, Environment, Pipeline, Protocol, config::Endpoint, opentelemetry::KeyValue,
};
use testbed::{OtlpSink, SinkAnswer, metric_lines, resource_lines};
use tracing_subscriber::Registry;

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

fn endpoint(sink: &OtlpSink, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => sink.grpc_endpoint(),
        _ => sink.http_endpoint(),
    }
}

fn config(sink: &OtlpSink, protocol: Protocol) -> Config {
    Config::from_env(&Environment::from_pairs([
        ("OTEL_SERVICE_NAME", "gateway"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint(sink, protocol)),
    ]))
}

const MILLI: u64 = 1_000_000;

/// Returns an engine with one request: 20 ms of authentication, 10 ms unattributed.
fn engine() -> Engine {
    let engine = Engine::new();
    let endpoint = labels::Endpoint::new("/v1/chat");
    let labels = (Stage::new("auth_validation"), endpoint);
    let auth = [
        catalog::REQUEST_STAGE_DURATION.value(20 * MILLI),
        catalog::REQUEST_STAGE_SHARE.value(20 * MILLI),
        catalog::REQUEST_STAGE_BUSY.value(2 * MILLI),
    ];
    engine.record(&catalog::STAGE, labels, &auth);
    let unattributed = [catalog::REQUEST_STAGE_SHARE.value(10 * MILLI)];
    engine.record(&catalog::STAGE, (Stage::new("unattributed"), endpoint), &unattributed);
    let labels = (labels.0, endpoint, ErrorType::new("denied"));
    engine.add(catalog::REQUEST_STAGE_ERRORS, labels, 1);
    let labels = (
        HttpRequestMethod::Post,
        UrlScheme::Http,
        Some(HttpResponseStatusCode::new("401")),
        Some(HttpRoute::new("/v1/chat")),
        Some(ErrorType::new("401")),
        NetworkProtocolVersion::Http11,
    );
    let values = [
        catalog::HTTP_SERVER_REQUEST_DURATION.value(30 * MILLI),
        catalog::HTTP_SERVER_REQUEST_BODY_SIZE.value(512),
    ];
    engine.record(&catalog::HTTP_SERVER, labels, &values);
    let labels = (HttpRequestMethod::Post, UrlScheme::Http);
    engine.add(catalog::HTTP_SERVER_ACTIVE_REQUESTS, labels, 2);
    engine
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

#[test]
fn the_store_and_the_users_meter_are_exported_in_one_request() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        let pipeline = Pipeline::start(&engine(), config(&sink, protocol)).unwrap();
        let counter = pipeline.meter("app").u64_counter("app.tokens").with_unit("{token}").build();
        counter.add(3, &[KeyValue::new("model", "m")]);
        pipeline.shutdown().unwrap();

        let [request] = &sink.metrics()[..] else { panic!("one request") };
        let [metrics] = &request.resource_metrics[..] else { panic!("one resource") };
        let lines = metric_lines(request);
        let lines: Vec<_> = lines.into_iter().filter(|it| !it.starts_with("otel.sdk.")).collect();
        expected_metrics().assert_eq(&text(&lines));
        expected_resource().assert_eq(&text(&resource_lines(metrics.resource.as_ref().unwrap())));
    }
}

fn expected_metrics() -> Expect {
    expect![[r#"
            app.tokens [{token}] {model=m} counter int 3
            http.server.active_requests [{request}] {http.request.method=POST, url.scheme=http} updowncounter int 2
            http.server.request.body.size [By] {error.type=401, http.request.method=POST, http.response.status_code=int 401, http.route=/v1/chat, network.protocol.version=1.1, url.scheme=http} histogram count=1 sum=512 buckets=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            http.server.request.duration [s] {error.type=401, http.request.method=POST, http.response.status_code=int 401, http.route=/v1/chat, network.protocol.version=1.1, url.scheme=http} histogram count=1 sum=0.03 buckets=[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            request.stage.busy [s] {endpoint=/v1/chat, stage=auth_validation} histogram count=1 sum=0.002 buckets=[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            request.stage.duration [s] {endpoint=/v1/chat, stage=auth_validation} histogram count=1 sum=0.02 buckets=[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            request.stage.errors [{error}] {endpoint=/v1/chat, error.type=denied, stage=auth_validation} counter int 1
            request.stage.share [s] {endpoint=/v1/chat, stage=auth_validation} histogram count=1 sum=0.02 buckets=[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            request.stage.share [s] {endpoint=/v1/chat, stage=unattributed} histogram count=1 sum=0.01 buckets=[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            stage.percentage [] {endpoint=/v1/chat, stage=backend_response} gauge double 0
            stage.percentage [] {endpoint=/v1/chat, stage=frontend_processing} gauge double 66.66666666666666
            stage.percentage [] {endpoint=/v1/chat, stage=stream_processing} gauge double 0
            stage.percentage [] {endpoint=/v1/chat, stage=unattributed} gauge double 33.33333333333333
        "#]]
}

fn expected_resource() -> Expect {
    expect![[r#"
            service.instance.id=1
            service.name=gateway
            telemetry.distro.name=stagelight
            telemetry.distro.version=0.1.0
            telemetry.sdk.language=rust
            telemetry.sdk.name=opentelemetry
            telemetry.sdk.version=0.33.1
        "#]]
}

#[test]
fn an_exemplar_carries_ids_value_and_time() {
    for protocol in PROTOCOLS {
        let (clock, time) = Clock::manual();
        let engine = Engine::with_clock(clock);
        let sink = OtlpSink::start().unwrap();
        let pipeline = Pipeline::start(&engine, config(&sink, protocol)).unwrap();
        let record = |nanos| {
            engine.record(
                &catalog::FRONTEND,
                labels::Endpoint::new("/v1"),
                &[catalog::FRONTEND_PROCESSING.value(nanos)],
            );
        };
        record(2 * MILLI);
        engine.spans().set_current(SpanKey::NONE, Some((0x0af7, 0xb7)));
        record(700 * MILLI);
        record(3 * MILLI);
        engine.spans().set_current(SpanKey::NONE, None);
        time.advance(Duration::from_secs(2));
        pipeline.shutdown().unwrap();

        let points = frontend_points(&sink.metrics()[0]);
        let [point] = &points[..] else { panic!("one point") };
        let exemplars = point.exemplars.iter().map(|it| {
            let age = Duration::from_nanos(point.time_unix_nano - it.time_unix_nano);
            format!("{:02x?} {:02x?} {:?} {age:?} ago", it.trace_id, it.span_id, it.value)
        });
        expect![[r#"
            [00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 0a, f7] [00, 00, 00, 00, 00, 00, 00, b7] Some(AsDouble(0.003)) 2s ago
            [00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 0a, f7] [00, 00, 00, 00, 00, 00, 00, b7] Some(AsDouble(0.7)) 2s ago
        "#]]
        .assert_eq(&text(&exemplars.collect::<Vec<_>>()));
    }
}

fn exporter_lines(sink: &OtlpSink) -> Vec<String> {
    let lines = sink.last_metric_lines().into_iter().filter(|it| it.starts_with("otel.sdk."));
    let without_ports = lines.map(|it| {
        let (port_grpc, port_http) = sink.ports();
        it.replace(&format!("int {port_grpc}"), "PORT").replace(&format!("int {port_http}"), "PORT")
    });
    without_ports.collect()
}

#[test]
fn the_exporter_measures_itself() {
    let sink = OtlpSink::start().unwrap();
    let pipeline = Pipeline::start(&Engine::new(), config(&sink, Protocol::Grpc)).unwrap();
    sink.answer(SinkAnswer::Refuse);
    pipeline.flush().unwrap_err();
    sink.answer(SinkAnswer::Reject(2));
    pipeline.flush().unwrap_err();
    sink.answer(SinkAnswer::Take);
    pipeline.flush().unwrap();
    expect![[r#"
        otel.sdk.exporter.metric_data_point.exported [{data_point}] {error.type=InvalidArgument, otel.component.name=otlp_grpc_metric_exporter/0, otel.component.type=otlp_grpc_metric_exporter, server.address=127.0.0.1, server.port=PORT} counter int 5
        otel.sdk.exporter.metric_data_point.exported [{data_point}] {error.type=rejected, otel.component.name=otlp_grpc_metric_exporter/0, otel.component.type=otlp_grpc_metric_exporter, server.address=127.0.0.1, server.port=PORT} counter int 2
        otel.sdk.exporter.metric_data_point.exported [{data_point}] {otel.component.name=otlp_grpc_metric_exporter/0, otel.component.type=otlp_grpc_metric_exporter, server.address=127.0.0.1, server.port=PORT} counter int 4
        otel.sdk.exporter.span.exported [{span}] {otel.component.name=otlp_grpc_span_exporter/0, otel.component.type=otlp_grpc_span_exporter, server.address=127.0.0.1, server.port=PORT} counter int 0
        otel.sdk.processor.span.processed [{span}] {otel.component.name=batching_span_processor/0, otel.component.type=batching_span_processor} counter int 0
        otel.sdk.processor.span.queue.capacity [{span}] {otel.component.name=batching_span_processor/0, otel.component.type=batching_span_processor} updowncounter int 2048
        otel.sdk.processor.span.queue.size [{span}] {otel.component.name=batching_span_processor/0, otel.component.type=batching_span_processor} updowncounter int 0
    "#]].assert_eq(&text(&exporter_lines(&sink)));
}

#[test]
fn values_are_cumulative_since_the_engines_creation() {
    let before = unix_nanos();
    let engine = engine();
    let made = unix_nanos();
    let sink = OtlpSink::start().unwrap();
    let pipeline = Pipeline::start(&engine, config(&sink, Protocol::HttpProtobuf)).unwrap();
    pipeline.flush().unwrap();
    engine.record(
        &catalog::FRONTEND,
        labels::Endpoint::new("/v1/chat"),
        &[catalog::FRONTEND_PROCESSING.value(MILLI)],
    );
    pipeline.flush().unwrap();
    pipeline.flush().unwrap();

    let requests = sink.metrics();
    let counts: Vec<_> = requests.iter().map(|it| frontend_points(it).len()).collect();
    assert_eq!(counts, [0, 1, 1]);
    let point = &frontend_points(&requests[2])[0];
    let (start, end) = (point.start_time_unix_nano, point.time_unix_nano);
    // The monotonic and the wall clock drift apart slightly.
    let slack = 10 * MILLI;
    assert!((before - slack..made + slack).contains(&start), "{before} {start} {made}");
    assert!(made < end);
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// Returns each data point of `frontend.processing`.
fn frontend_points(request: &ExportMetricsServiceRequest) -> Vec<HistogramDataPoint> {
    let scopes = request.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let metrics = scopes.flat_map(|it| &it.metrics).filter(|it| it.name == "frontend.processing");
    let histograms = metrics.filter_map(|it| match &it.data {
        Some(Data::Histogram(histogram)) => Some(&histogram.data_points),
        _ => None,
    });
    histograms.flatten().cloned().collect()
}

#[test]
fn metrics_are_exported_at_the_interval() {
    let sink = OtlpSink::start().unwrap();
    let mut config = config(&sink, Protocol::Grpc);
    config.export_interval = Duration::from_millis(50);
    let _pipeline = Pipeline::start(&engine(), config).unwrap();
    assert!(sink.wait_until(|it| 3 <= it.metrics().len()));
}

#[test]
fn the_last_values_arrive_during_a_running_export() {
    for _ in 0..30 {
        let sink = OtlpSink::start().unwrap();
        let mut config = config(&sink, Protocol::Grpc);
        config.export_interval = Duration::from_millis(1);
        let engine = Engine::new();
        let pipeline = Pipeline::start(&engine, config).unwrap();
        let counter = pipeline.meter("app").u64_counter("app.counter").build();
        for _ in 0..1000 {
            counter.add(1, &[]);
            engine.record(
                &catalog::FRONTEND,
                labels::Endpoint::new("/"),
                &[catalog::FRONTEND_PROCESSING.value(MILLI)],
            );
        }
        pipeline.shutdown().unwrap();
        let lines = sink.last_metric_lines();
        let find = |name: &str| lines.iter().find(|it| it.starts_with(name)).cloned().unwrap();
        assert!(find("app.counter").ends_with("int 1000"), "{lines:?}");
        assert!(find("frontend.processing").contains("count=1000 sum=1 "), "{lines:?}");
    }
}

#[cfg(feature = "gzip")]
#[test]
fn headers_and_compression_are_as_configured() {
    for protocol in PROTOCOLS {
        let sink = OtlpSink::start().unwrap();
        let mut config = config(&sink, protocol);
        config.metrics.set_header("x-api-key", "secret").unwrap();
        config.metrics.compression = stagelight_otel::Compression::Gzip;
        Pipeline::start(&engine(), config).unwrap().shutdown().unwrap();
        let [head] = &sink.heads()[..] else { panic!("one request") };
        let headers = |names: &[&str]| -> Vec<_> {
            names.iter().map(|it| head.headers[*it].clone()).collect()
        };
        assert_eq!(headers(&["x-api-key"]), ["secret"]);
        match protocol {
            // The response may be compressed as well.
            Protocol::Grpc => {
                let [sent, accepted] = &headers(&["grpc-encoding", "grpc-accept-encoding"])[..]
                else {
                    panic!("two headers")
                };
                assert_eq!((&**sent, accepted.split(',').next()), ("gzip", Some("gzip")));
            }
            _ => assert_eq!(headers(&["content-encoding"]), ["gzip"]),
        }
        assert!(head.headers["user-agent"].starts_with("stagelight-otel/"));
        assert!(!sink.last_metric_lines().is_empty());
    }
}

#[test]
fn http_requests_go_to_the_configured_path() {
    let sink = OtlpSink::start().unwrap();
    let endpoint = format!("{}/otlp/", sink.http_endpoint());
    let mut config = config(&sink, Protocol::HttpProtobuf);
    config.metrics.endpoint = Some(Endpoint::base(&endpoint).unwrap());
    Pipeline::start(&engine(), config).unwrap().shutdown().unwrap();
    assert_eq!(sink.heads()[0].path, "/otlp/v1/metrics");
}

#[test]
fn a_callback_that_panics_or_hangs_costs_its_own_metrics_only() {
    let callbacks: [fn(); 2] =
        [|| panic!("on purpose"), || thread::sleep(Duration::from_secs(3600))];
    for callback in callbacks {
        let sink = OtlpSink::start().unwrap();
        let mut config = config(&sink, Protocol::Grpc);
        config.shutdown_timeout = Duration::from_secs(1);
        let pipeline = Pipeline::start(&engine(), config).unwrap();
        let meter = pipeline.meter("app");
        let _gauge =
            meter.u64_observable_gauge("app.gauge").with_callback(move |_| callback()).build();
        for _ in 0..2 {
            pipeline.flush().unwrap();
            let lines = sink.last_metric_lines();
            assert!(lines.iter().any(|it| it.starts_with("request.stage.duration")), "{lines:?}");
        }
        assert_eq!(sink.metrics().len(), 2);
    }
}

#[test]
fn a_disabled_pipeline_exports_nothing_and_the_engine_still_records() {
    let sink = OtlpSink::start().unwrap();
    let engine = engine();
    let mut config = config(&sink, Protocol::Grpc);
    config.disabled = true;
    let pipeline = Pipeline::start(&engine, config).unwrap();
    pipeline.meter("app").u64_counter("app.tokens").build().add(1, &[]);
    assert!(pipeline.tracing_layer::<Registry>().is_none());
    assert!(engine.propagator().is_none());
    pipeline.flush().unwrap();
    pipeline.shutdown().unwrap();
    assert!(sink.heads().is_empty());
    assert_eq!(engine.snapshot().of(&catalog::STAGE).count(), 2);
}
