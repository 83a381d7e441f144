use expect_test::{Expect, expect};

use super::*;

fn read(pairs: &[(&str, &str)]) -> Config {
    Config::from_env(&Environment::from_pairs(pairs.iter().copied()))
}

/// Returns the address that a signal is sent to, or the error.
fn address(config: &Config, signal: Signal) -> String {
    config.otlp(signal).address(signal).map_or_else(|it| it.to_string(), |it| it.to_string())
}

fn grpc_method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

#[track_caller]
fn check_addresses(pairs: &[(&str, &str)], traces: &str, metrics: &str) {
    let config = read(pairs);
    assert!(config.problems.is_empty(), "{:?}", config.problems);
    for (signal, expected) in [(Signal::Traces, traces), (Signal::Metrics, metrics)] {
        let expected = match config.otlp(signal).protocol {
            Protocol::Grpc => format!("{expected}{}", grpc_method(signal)),
            Protocol::HttpProtobuf => expected.to_owned(),
        };
        assert_eq!(address(&config, signal), expected, "{pairs:?}");
    }
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");

#[test]
fn the_defaults_are_those_of_the_specification() {
    check_addresses(&[HTTP], "http://localhost:4318/v1/traces", "http://localhost:4318/v1/metrics");
    check_addresses(&[GRPC], "http://localhost:4317", "http://localhost:4317");
    let config = read(&[]);
    assert_eq!(config.export_interval, Duration::from_secs(60));
    assert_eq!(config.export_timeout, Duration::from_secs(30));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(config.traces.timeout, Duration::from_secs(10));
    assert_eq!(config.sampler, Sampler::ParentBasedAlwaysOn);
    assert_eq!(config.propagation, [Propagation::TraceContext, Propagation::Baggage]);
    assert_eq!(config.spans, SpanLimits::default());
    assert!(!config.strict && !config.disabled);
}

#[test]
fn http_appends_the_signal_s_path_to_the_base() {
    for (base, traces, metrics) in [
        ("http://c:4318", "http://c:4318/v1/traces", "http://c:4318/v1/metrics"),
        ("http://c:4318/", "http://c:4318/v1/traces", "http://c:4318/v1/metrics"),
        ("https://c/otlp", "https://c/otlp/v1/traces", "https://c/otlp/v1/metrics"),
        ("https://c/otlp/", "https://c/otlp/v1/traces", "https://c/otlp/v1/metrics"),
    ] {
        check_addresses(&[HTTP, (ENDPOINT, base)], traces, metrics);
    }
}

#[test]
fn a_per_signal_endpoint_is_used_unchanged() {
    check_addresses(
        &[HTTP, (ENDPOINT, "http://c:1"), (TRACES_ENDPOINT, "http://t:2/here")],
        "http://t:2/here",
        "http://c:1/v1/metrics",
    );
    check_addresses(
        &[HTTP, (METRICS_ENDPOINT, "http://m:3")],
        "http://localhost:4318/v1/traces",
        "http://m:3/",
    );
}

#[test]
fn grpc_needs_no_path_and_no_scheme() {
    check_addresses(&[GRPC, (ENDPOINT, "http://c:1/ignored")], "http://c:1", "http://c:1");
    check_addresses(&[GRPC, (ENDPOINT, "c:1")], "https://c:1", "https://c:1");
    check_addresses(
        &[GRPC, (ENDPOINT, "c:1"), ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true")],
        "http://c:1",
        "https://c:1",
    );
}

#[test]
fn per_signal_forms_override_those_for_all_signals() {
    let config = read(&[
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "77"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "key=all,region=eu"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "key=traces%20only"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "/metrics-ca.pem"),
    ]);
    assert_eq!(config.problems, []);
    let headers = |otlp: &OtlpConfig| {
        let pairs =
            otlp.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort();
        pairs.join(",")
    };
    let Config { traces, metrics, .. } = &config;
    assert_eq!((traces.protocol, metrics.protocol), (Protocol::Grpc, Protocol::default()));
    assert_eq!(metrics.timeout, Duration::from_millis(77));
    assert_eq!(headers(traces), "key=traces only,region=eu");
    assert_eq!(headers(metrics), "key=all,region=eu");
    assert_eq!((traces.compression, metrics.compression), (Compression::Gzip, Compression::None));
    let authorities = |it: &OtlpConfig| it.tls.authorities.clone().unwrap();
    assert_eq!(authorities(traces).to_str(), Some("/ca.pem"));
    assert_eq!(authorities(metrics).to_str(), Some("/metrics-ca.pem"));
}

#[test]
fn a_header_is_never_printed() {
    let config = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_service_name_overrides_the_attribute() {
    let config = read(&[
        ("OTEL_SERVICE_NAME", "right"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=wrong,deployment.environment.name=a%20b"),
    ]);
    let resource = crate::resource::build(&config.resource);
    let get =
        |name: &'static str| resource.get(&opentelemetry::Key::new(name)).unwrap().to_string();
    assert_eq!(get("service.name"), "right");
    assert_eq!(get("deployment.environment.name"), "a b");
}

#[test]
fn samplers_are_named_as_in_the_specification() {
    for (name, expected) in [
        ("always_on", Sampler::AlwaysOn),
        ("always_off", Sampler::AlwaysOff),
        ("traceidratio", Sampler::Ratio(0.25)),
        ("parentbased_always_on", Sampler::ParentBasedAlwaysOn),
        ("parentbased_always_off", Sampler::ParentBasedAlwaysOff),
        ("parentbased_traceidratio", Sampler::ParentBasedRatio(0.25)),
    ] {
        let config = read(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.25")]);
        assert_eq!((&*config.problems, config.sampler), (&[][..], expected));
    }
    assert_eq!(read(&[("OTEL_TRACES_SAMPLER", "traceidratio")]).sampler, Sampler::Ratio(1.0));
}

#[test]
fn propagators_are_deduplicated_and_none_means_none() {
    let ways = |list| read(&[("OTEL_PROPAGATORS", list)]).propagation;
    assert_eq!(ways("none"), []);
    assert_eq!(ways("baggage"), [Propagation::Baggage]);
    let twice = ways("tracecontext, baggage ,tracecontext");
    assert_eq!(twice, [Propagation::TraceContext, Propagation::Baggage]);
}

#[test]
fn the_length_limit_of_spans_overrides_the_general_one() {
    let general = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100");
    let of_spans = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0");
    let value_length = |pairs: &[(&str, &str)]| read(pairs).spans.value_length;
    assert_eq!(value_length(&[]), 4096);
    assert_eq!(value_length(&[general]), 100);
    assert_eq!(value_length(&[of_spans]), 0);
    assert_eq!(value_length(&[general, of_spans]), 0);
}

#[test]
fn numbers_and_switches_are_read() {
    let config = read(&[
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "2"),
        ("OTEL_BSP_SCHEDULE_DELAY", "3"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "5"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "6"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "7"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ("STAGELIGHT_SHUTDOWN_TIMEOUT", "8"),
        ("STAGELIGHT_MAX_REQUESTS", "9"),
        ("STAGELIGHT_STRICT", "1"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Cumulative"),
    ]);
    assert_eq!(config.problems, []);
    assert!(config.disabled && config.strict);
    let exporters = (config.traces_exporter, config.metrics_exporter);
    assert_eq!(exporters, (Exporter::Console, Exporter::None));
    let millis = [
        config.export_interval,
        config.export_timeout,
        config.spans.delay,
        config.spans.timeout,
        config.shutdown_timeout,
    ];
    assert_eq!(millis.map(|it| it.as_millis()), [1, 2, 3, 5, 8]);
    assert_eq!(config.max_requests, 9);
    let SpanLimits { queue, batch, attributes, events, links, .. } = config.spans;
    // The default batch is reduced to the queue without a problem.
    assert_eq!((queue, batch, attributes, events, links), (4, 4, 6, 7, 0));
}

#[test]
fn the_limit_of_open_requests_has_bounds() {
    for (value, expected) in [("1", 1), ("1048576", 1 << 20), ("0", 16_384), ("1048577", 16_384)] {
        assert_eq!(read(&[("STAGELIGHT_MAX_REQUESTS", value)]).max_requests, expected);
    }
}

#[track_caller]
fn check_problems(pairs: &[(&str, &str)], expected: &Expect) {
    let config = read(pairs);
    let lines = config.problems.iter().map(|it| {
        let problem = it.to_string();
        format!("{}\n    using {}\n", problem.replacen(": expected", "\n    expected", 1), it.used)
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn each_invalid_otlp_setting_is_reported() {
    check_problems(
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            (ENDPOINT, "ftp://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=hunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
            (METRICS_ENDPOINT, "localhost"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ],
        &expect![[r#"
            invalid OTEL_EXPORTER_OTLP_PROTOCOL="http/json"
                expected `grpc` or `http/protobuf`
                using http/protobuf (grpc without the feature `otlp-http`)
            invalid OTEL_EXPORTER_OTLP_ENDPOINT="ftp://c"
                expected `http://HOST[:PORT][/PATH]` or `https://…`, for grpc also `HOST:PORT`, without a user name
                using http://localhost:4318, for grpc http://localhost:4317
            invalid OTEL_EXPORTER_OTLP_HEADERS (value not shown)
                expected `name=value` pairs separated by commas, values percent-encoded, each a valid HTTP header
                using none
            invalid OTEL_EXPORTER_OTLP_TIMEOUT="10s"
                expected a whole number of milliseconds above 0
                using 10000
            invalid OTEL_EXPORTER_OTLP_COMPRESSION="zstd"
                expected `gzip` or `none`
                using none
            invalid OTEL_EXPORTER_OTLP_INSECURE="yes"
                expected `true` or `false`
                using false
            invalid OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="0"
                expected a whole number of milliseconds above 0
                using the value for all signals
            invalid OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="localhost"
                expected `http://HOST[:PORT][/PATH]` or `https://…`, for grpc also `HOST:PORT`, without a user name
                using the value for all signals
            invalid OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta"
                expected `cumulative`
                using cumulative
        "#]],
    );
}

#[test]
fn each_other_invalid_setting_is_reported() {
    check_problems(
        &[
            ("OTEL_SDK_DISABLED", "1"),
            ("OTEL_RESOURCE_ATTRIBUTES", "no-equals-sign"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_METRICS_EXPORTER", "otlp,console"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-5"),
            ("OTEL_METRIC_EXPORT_TIMEOUT", "soon"),
            ("STAGELIGHT_SHUTDOWN_TIMEOUT", "0"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_BSP_SCHEDULE_DELAY", ""),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
            ("OTEL_PROPAGATORS", "tracecontext,b3"),
            ("STAGELIGHT_STRICT", "maybe"),
        ],
        &expect![[r#"
            invalid OTEL_SDK_DISABLED="1"
                expected `true` or `false`
                using false
            invalid OTEL_RESOURCE_ATTRIBUTES="no-equals-sign"
                expected `name=value` pairs separated by commas, values percent-encoded
                using none
            invalid OTEL_TRACES_EXPORTER="zipkin"
                expected `otlp`, `console` or `none`
                using otlp
            invalid OTEL_METRICS_EXPORTER="otlp,console"
                expected `otlp`, `console` or `none`
                using otlp
            invalid OTEL_METRIC_EXPORT_INTERVAL="-5"
                expected a whole number of milliseconds above 0
                using 60000
            invalid OTEL_METRIC_EXPORT_TIMEOUT="soon"
                expected a whole number of milliseconds above 0
                using 30000
            invalid STAGELIGHT_SHUTDOWN_TIMEOUT="0"
                expected a whole number of milliseconds above 0
                using 5000
            invalid OTEL_TRACES_SAMPLER_ARG="1.5"
                expected a number from 0 to 1
                using 1.0
            invalid OTEL_TRACES_SAMPLER="jaeger_remote"
                expected `always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`
                using parentbased_always_on
            invalid OTEL_BSP_MAX_QUEUE_SIZE="many"
                expected a whole number above 0
                using 2048
            invalid OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4096"
                expected a whole number above 0, at most OTEL_BSP_MAX_QUEUE_SIZE
                using 2048
            invalid OTEL_PROPAGATORS="tracecontext,b3"
                expected `tracecontext` and `baggage`, separated by commas, or `none`
                using tracecontext,baggage
            invalid STAGELIGHT_STRICT="maybe"
                expected `1`, `true`, `0` or `false`
                using false
        "#]],
    );
}

#[test]
fn every_variable_that_can_be_invalid_is_reported() {
    // Any text is valid for these.
    let lenient = ["SERVICE_NAME", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"];
    for variable in crate::env::variables::ALL {
        let any = lenient.iter().any(|it| variable.name.ends_with(it));
        let forms = if variable.per_signal {
            Signal::ALL.iter().map(|&it| variable.name_for(it)).collect()
        } else {
            Vec::new()
        };
        for name in forms.into_iter().chain([variable.name.to_owned()]) {
            let problems = read(&[(&name, "\u{1}=\u{2}")]).problems;
            let names: Vec<_> = problems.iter().map(|it| it.name.as_str()).collect();
            let expected =
                if any || name == "OTEL_RESOURCE_ATTRIBUTES" { vec![] } else { vec![&*name] };
            assert_eq!(names, expected);
        }
    }
}

#[test]
fn a_changed_header_replaces_the_environment_s() {
    let mut config = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "key=environment")]);
    config.metrics.set_header("Key", "call").unwrap();
    assert_eq!(config.metrics.headers.get_all("key").iter().collect::<Vec<_>>(), ["call"]);
    assert!(!format!("{config:?}").contains("call"));
}

#[test]
fn intervals_queue_and_batch_are_kept_within_their_bounds() {
    let mut config = read(&[]);
    config.export_interval = Duration::ZERO;
    config.spans =
        SpanLimits { delay: Duration::ZERO, queue: 0, batch: 9, ..SpanLimits::default() };
    let config = config.within_bounds();
    assert_eq!([config.export_interval, config.spans.delay], [Duration::from_millis(1); 2]);
    assert_eq!((config.spans.queue, config.spans.batch), (1, 1));
}

#[test]
fn an_invalid_address_or_header_is_an_error_without_its_secrets() {
    let lines = |it: String| it.replace(": expected", "\nexpected").replace(": send", "\nsend");
    let endpoint = |it| lines(Endpoint::base(it).unwrap_err().to_string());
    expect![[r#"
        invalid OTLP endpoint "unix:/socket"
        expected http://HOST[:PORT][/PATH], https://… or, for gRPC, HOST:PORT"#]]
    .assert_eq(&endpoint("unix:/socket"));
    expect![[r#"
        the OTLP endpoint contains a user name or password
        send them in a header instead"#]]
    .assert_eq(&endpoint("http://me:hunter2@host"));
    let header = OtlpConfig::default().set_header("a b", "hunter2").unwrap_err().to_string();
    expect![[r#"
        invalid HTTP header "a b"
        expected a name of letters, digits and `-`, and a value of printable ASCII"#]]
    .assert_eq(&lines(header));
    let mut config = read(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
    config.traces.endpoint = Some(Endpoint::base("c:1").unwrap());
    expect![[r#"OTLP endpoint "c:1" has no scheme: http/protobuf requires http:// or https://"#]]
        .assert_eq(&address(&config, Signal::Traces));
}
