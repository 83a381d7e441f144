//! What arrives at a collector.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use expect_test::{Expect, expect};
use stagelight_core::{Engine, catalog};
use stagelight_otel::{Config, Environment, Pipeline, Protocol, opentelemetry::KeyValue};
use stagelight_testing::{OtlpSink, metric_lines, resource_lines};

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

fn endpoint(sink: &OtlpSink, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => sink.grpc_endpoint(),
        _ => sink.http_endpoint(),
    }
}

fn config(sink: &OtlpSink, protocol: Protocol) -> Config {
    Config::from_env(&Environment::from_pairs([("OTEL_SERVICE_NAME", "gateway")]))
        .with_resource_attribute("service.instance.id", "1")
        .with_protocol(protocol)
        .with_endpoint(&endpoint(sink, protocol))
        .unwrap()
}

const MILLI: u64 = 1_000_000;

/// An engine that has measured one request: 20 ms of authentication, 10 ms of nothing.
fn engine() -> Engine {
    let engine = Engine::new();
    let auth = [(0, 20 * MILLI), (1, 20 * MILLI), (2, 2 * MILLI)];
    engine.record(&catalog::STAGE, &["auth_validation", "/v1/chat"], &auth);
    engine.record(&catalog::STAGE, &["unattributed", "/v1/chat"], &[(1, 10 * MILLI)]);
    engine.add(&catalog::STAGE_ERRORS, &["auth_validation", "/v1/chat", "denied"], 0, 1);
    let exchange = ["POST", "http", "401", "/v1/chat", "401", "1.1"];
    engine.record(&catalog::HTTP_SERVER, &exchange, &[(0, 30 * MILLI), (1, 512)]);
    engine.add(&catalog::HTTP_SERVER_ACTIVE, &["POST", "http"], 0, 2);
    engine
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

#[test]
fn the_store_and_the_users_meter_arrive_in_one_request() {
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
        what_is_recorded().assert_eq(&text(&lines));
        who_speaks().assert_eq(&text(&resource_lines(metrics.resource.as_ref().unwrap())));
    }
}

fn what_is_recorded() -> Expect {
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

fn who_speaks() -> Expect {
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
