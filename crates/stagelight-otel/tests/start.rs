//! Starting a pipeline with invalid settings.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use expect_test::{Expect, expect};
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Exporter, Pipeline, StartError, config::Endpoint};

const BAD: [(&str, &str); 3] = [
    ("OTEL_METRIC_EXPORT_INTERVAL", "1m"),
    ("OTEL_TRACES_SAMPLER", "sometimes"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
];

fn config(pairs: &[(&str, &str)]) -> Config {
    let mut config = Config::from_env(&Environment::from_pairs(pairs.iter().copied()));
    config.traces_exporter = Exporter::None;
    config
}

#[track_caller]
fn check_error(config: Config, expected: &Expect) {
    let error = Pipeline::start(&Engine::new(), config).unwrap_err();
    expected.assert_eq(&format!("{error}\n"));
}

#[test]
fn a_bad_environment_is_an_error_only_in_strict_mode() {
    let quiet = |pairs: &[_]| {
        let mut config = config(pairs);
        config.metrics_exporter = Exporter::None;
        config
    };
    Pipeline::start(&Engine::new(), quiet(&BAD)).unwrap();
    let problems = quiet(&BAD).problems;
    let names: Vec<_> = problems.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_TRACES_SAMPLER"]
    );

    let strict = [&BAD[..], &[("STAGELIGHT_STRICT", "1")]].concat();
    check_error(
        quiet(&strict),
        &expect![[r#"
            invalid OTEL_EXPORTER_OTLP_HEADERS (value not shown): expected `name=value` pairs separated by commas, values percent-encoded, each a valid HTTP header; invalid OTEL_METRIC_EXPORT_INTERVAL="1m": expected a whole number of milliseconds above 0; invalid OTEL_TRACES_SAMPLER="sometimes": expected `always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`
        "#]],
    );
    let start = |strict, mut config: Config| {
        config.strict = strict;
        Pipeline::start(&Engine::new(), config)
    };
    let error = start(true, quiet(&BAD)).unwrap_err();
    assert!(matches!(error, StartError::Environment { problems } if problems.len() == 3));
    start(false, quiet(&strict)).unwrap();
    Pipeline::start(&Engine::new(), quiet(&strict[3..])).unwrap();
}

#[test]
fn an_address_that_does_not_match_the_protocol_is_an_error() {
    let mut config = config(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
    config.metrics.endpoint = Some(Endpoint::base("collector:4318").unwrap());
    check_error(
        config,
        &expect![[r#"
            OTLP endpoint "collector:4318" has no scheme: http/protobuf requires http:// or https://
        "#]],
    );
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_requires_its_feature() {
    check_error(
        config(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ]),
        &expect![[r#"
            endpoint https://c:1/v1/metrics requires the cargo feature `tls` of stagelight or stagelight-otel
        "#]],
    );
}

#[cfg(not(feature = "gzip"))]
#[test]
fn compression_requires_its_feature() {
    check_error(
        config(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]),
        &expect![[r#"
            gzip compression requires the cargo feature `gzip` of stagelight or stagelight-otel
        "#]],
    );
}

#[cfg(not(feature = "otlp-grpc"))]
#[test]
fn grpc_requires_its_feature() {
    check_error(
        config(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]),
        &expect![[r#"
            protocol grpc requires the cargo feature `otlp-grpc` of stagelight or stagelight-otel
        "#]],
    );
}

#[cfg(not(feature = "otlp-http"))]
#[test]
fn http_requires_its_feature() {
    check_error(
        config(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]),
        &expect![[r#"
            protocol http/protobuf requires the cargo feature `otlp-http` of stagelight or stagelight-otel
        "#]],
    );
}

#[cfg(feature = "tls")]
#[test]
fn a_missing_certificate_is_an_error() {
    let pairs = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:1"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem"),
    ];
    check_error(
        config(&pairs),
        &expect![[r#"
        cannot read a certificate or key from /no/such/file.pem: a PEM file is required
    "#]],
    );
}

#[test]
fn the_exporters_console_and_none_need_no_collector() {
    let mut count = 0;
    for traces in [Exporter::Console, Exporter::None] {
        for metrics in [Exporter::Console, Exporter::None] {
            let mut config = config(&[]);
            (config.traces_exporter, config.metrics_exporter) = (traces, metrics);
            let pipeline = Pipeline::start(&Engine::new(), config).unwrap();
            pipeline.flush().unwrap();
            pipeline.shutdown().unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 4);
}
