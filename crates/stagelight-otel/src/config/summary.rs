//! One line about the settings.

use crate::{
    config::{Config, Exporter},
    signal::Signal,
};

/// Describes destinations, export interval and sampling.
pub(super) fn of(config: &Config) -> String {
    if config.disabled {
        return "exporting nothing: disabled".to_owned();
    }
    let traces = match destination(config, Signal::Traces) {
        None => "no traces".to_owned(),
        Some(to) => {
            let rules = match (config.rules.ratios.len(), &config.rules.forcing) {
                (0, None) => String::new(),
                (0, Some(_)) => ", a forcing header".to_owned(),
                (routes, None) => format!(", {routes} per-route ratios"),
                (routes, Some(_)) => format!(", {routes} per-route ratios, a forcing header"),
            };
            format!("traces to {to} (sampler {}{rules})", config.sampler)
        }
    };
    let metrics = match destination(config, Signal::Metrics) {
        None => "no metrics".to_owned(),
        Some(to) => format!("metrics to {to} every {:?}", config.export_interval),
    };
    format!("exporting {traces}, {metrics}")
}

/// Returns where a signal is exported to, without the address's query, which may hold a secret.
fn destination(config: &Config, signal: Signal) -> Option<String> {
    match config.exporter(signal) {
        Exporter::None => None,
        Exporter::Console => Some("standard output".to_owned()),
        Exporter::Otlp => {
            let otlp = config.otlp(signal);
            let protocol = otlp.protocol.as_str();
            let address = otlp.address(signal).map_or_else(
                |it| it.to_string(),
                |uri| {
                    let scheme = uri.scheme_str().unwrap_or_default();
                    let authority = uri.authority().map_or("", |it| it.as_str());
                    let path = if protocol == "grpc" { "" } else { uri.path() };
                    format!("{scheme}://{authority}{path}")
                },
            );
            Some(format!("{address} over {protocol}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::env::Environment;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: &Expect) {
        let config = Config::from_env(&Environment::from_pairs(pairs.iter().copied()));
        assert_eq!(config.problems, []);
        expected.assert_eq(&config.summary().replace(" (", "\n(").replace(", ", ",\n"));
    }

    #[test]
    fn it_names_destinations_interval_and_sampling() {
        check(
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
            &expect![[r#"
            exporting traces to http://localhost:4318/v1/traces over http/protobuf
            (sampler parentbased_always_on),
            metrics to http://localhost:4318/v1/metrics over http/protobuf every 60s"#]],
        );
        check(
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"),
                ("OTEL_METRICS_EXPORTER", "console"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "2500"),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
                ("STAGELIGHT_TRACES_ENDPOINT_RATIOS", "/healthz=0,/v1/chat=1"),
            ],
            &expect![[r#"
                exporting traces to http://c:4317 over grpc
                (sampler parentbased_traceidratio(0.1),
                2 per-route ratios),
                metrics to standard output every 2.5s"#]],
        );
        check(
            &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")],
            &expect![[r#"
            exporting no traces,
            no metrics"#]],
        );
        check(&[("OTEL_SDK_DISABLED", "true")], &expect!["exporting nothing: disabled"]);
    }

    #[test]
    fn it_shows_no_secrets() {
        let pairs = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/otlp?token=hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
            ("STAGELIGHT_TRACES_FORCING_HEADER", "x-trace-me=hunter2"),
        ];
        let summary = Config::from_env(&Environment::from_pairs(pairs)).summary();
        assert!(!summary.contains("hunter2"), "{summary}");
        assert!(summary.contains("http://c/otlp over"), "{summary}");
    }
}
