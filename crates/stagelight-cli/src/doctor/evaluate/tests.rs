//! A healthy pipeline, and one fault at a time.

use std::{path::Path, time::Duration};

use stagelight_core::catalog::{self, Instrument};

use super::*;
use crate::doctor::{
    aliases::{self, Strategy, series_name},
    http::ProbeError,
    observations::{
        CollectorObservations, DataSource, GrafanaObservations, Job, Observed, Performance, Probe,
        PrometheusObservations, Rule, ScrapePair,
    },
    page::Page,
    report::{Overall, Status},
};

/// The time of all clocks, in Unix seconds.
const NOW: f64 = 1_800_000_000.0;

fn observed<T>(url: &str, value: T) -> Observed<T> {
    Observed { url: url.to_owned(), is_given: true, result: Ok(value), clock_ahead: Some(0.3) }
}

fn pair(first: &str, second: &str) -> ScrapePair {
    let page = |text: &str| Page::parse(text).unwrap();
    ScrapePair { first: page(first), first_at: NOW - 6.0, second: page(second) }
}

/// A service's page: finished requests, and exported and lost data points.
fn service_page(requests: u32, delivered: u32, lost: &[(&str, u32)]) -> String {
    let exporter = "otel_component_type=\"otlp_grpc_metric_exporter\",\
                    server_address=\"collector\",server_port=\"4317\"";
    let name = "otel_sdk_exporter_metric_data_point_exported_total";
    let mut page = format!(
        "request_duration_seconds_count{{endpoint=\"/\",outcome=\"ok\"}} {requests}\n\
         {name}{{{exporter}}} {delivered}\n"
    );
    for (error, count) in lost {
        page.push_str(&format!("{name}{{{exporter},error_type=\"{error}\"}} {count}\n"));
    }
    page
}

/// A collector's page: accepted and refused by the receiver; sent, failed and refused by the
/// exporter; the length of its queue of ten.
fn collector_page([accepted, refused, sent, failed, full, queue]: [u32; 6]) -> String {
    format!(
        "otelcol_receiver_accepted_metric_points{{receiver=\"otlp\"}} {accepted}\n\
         otelcol_receiver_refused_metric_points{{receiver=\"otlp\"}} {refused}\n\
         otelcol_exporter_sent_metric_points{{exporter=\"p\"}} {sent}\n\
         otelcol_exporter_send_failed_metric_points{{exporter=\"p\"}} {failed}\n\
         otelcol_exporter_enqueue_failed_metric_points{{exporter=\"p\"}} {full}\n\
         otelcol_exporter_queue_size{{exporter=\"p\",data_type=\"metrics\"}} {queue}\n\
         otelcol_exporter_queue_capacity{{exporter=\"p\",data_type=\"metrics\"}} 10\n"
    )
}

fn healthy() -> Observations {
    let page = service_page(10, 500, &[]);
    Observations {
        service: observed("http://shop:9464/metrics", pair(&service_page(9, 400, &[]), &page)),
        collector: CollectorObservations {
            probes: vec![Probe {
                url: "http://collector:4317".to_owned(),
                is_given: true,
                is_services: true,
                http: Err(ProbeError::OtherProtocol),
                grpc: Ok(()),
            }],
            metrics: observed(
                "http://collector:8888/metrics",
                pair(
                    &collector_page([100, 0, 100, 0, 0, 0]),
                    &collector_page([200, 0, 200, 0, 0, 0]),
                ),
            ),
            has_credentials: false,
        },
        prometheus: observed("http://prometheus:9090", prometheus_healthy()),
        grafana: observed("http://grafana:3000", grafana_healthy()),
        watched: Duration::from_secs(5),
        fresh_within: None,
    }
}

fn prometheus_healthy() -> PrometheusObservations {
    let is_histogram = |it: &Instrument| matches!(it, Instrument::Histogram { .. });
    let histograms = aliases::all().map(|it| it.1).filter(|it| is_histogram(&it.instrument));
    let alert = |name: &str| Rule {
        name: name.to_owned(),
        file: "performance.alerts.yaml".to_owned(),
        is_alert: true,
        error: None,
    };
    PrometheusObservations {
        version: "3.15.0".to_owned(),
        otlp_receiver: Some(true),
        exemplar_storage: Some(true),
        jobs: vec![Job {
            job: "shop".to_owned(),
            is_scraped: false,
            newest: NOW - 2.0,
            interval: Some(15.0),
        }],
        time: Some((NOW, NOW)),
        names: names(Strategy::UnderscoreEscapingWithSuffixes),
        bounds: histograms
            .map(|it| (it.prometheus_name.to_owned(), it.bounds().to_vec()))
            .collect(),
        rules: [
            "HighBackendTTFB",
            "CriticalBackendTTFB",
            "HighStreamingDuration",
            "HighFrontendProcessing",
        ]
        .map(alert)
        .into(),
        alertmanagers: vec![("http://alertmanager:9093".to_owned(), None)],
        exemplars: 7,
        ..PrometheusObservations::default()
    }
}

fn grafana_healthy() -> GrafanaObservations {
    let source = DataSource {
        name: "Prometheus".to_owned(),
        url: "http://prometheus:9090".to_owned(),
        interval: "15s".to_owned(),
        exemplar_labels: vec!["trace_id".to_owned()],
        error: None,
        series: Ok(40.0),
    };
    GrafanaObservations {
        version: "13.2.0".to_owned(),
        has_credentials: true,
        sources: Ok(vec![source]),
        dashboards: vec!["Stage breakdown".to_owned()],
    }
}

fn names(strategy: Strategy) -> std::collections::BTreeSet<String> {
    aliases::all().map(|(_, it)| series_name(it, strategy)).collect()
}

/// Injects a fault into the healthy pipeline, and returns the report.
fn report(inject: impl FnOnce(&mut Observations)) -> Report {
    let mut observations = healthy();
    inject(&mut observations);
    evaluate(&observations, &[])
}

fn with(report: &Report, status: Status) -> Vec<Check> {
    report.checks.iter().filter(|it| it.status == status).map(|it| it.check).collect()
}

/// Injects a fault, checks that exactly this check is broken, and returns its finding.
#[track_caller]
fn check_breaks(check: Check, inject: impl FnOnce(&mut Observations)) -> String {
    let report = report(inject);
    assert_eq!(with(&report, Status::Broken), [check], "{}", report.to_text());
    assert_eq!(report.verdict, Overall::Broken);
    let finding = &report.checks.iter().find(|it| it.check == check).unwrap().findings[0];
    if let Some(runbook) = &finding.runbook {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(runbook);
        assert!(file.exists(), "{runbook} does not exist");
    }
    format!("{}: {}; {}", finding.seen, finding.why, finding.fix)
}

fn prometheus(observations: &mut Observations) -> &mut PrometheusObservations {
    observations.prometheus.result.as_mut().unwrap()
}

fn source(observations: &mut Observations) -> &mut DataSource {
    &mut observations.grafana.result.as_mut().unwrap().sources.as_mut().unwrap()[0]
}

fn collector(observations: &mut Observations, before: [u32; 6], after: [u32; 6]) {
    observations.collector.metrics.result =
        Ok(pair(&collector_page(before), &collector_page(after)));
}

fn lost(observations: &mut Observations, error: &str) {
    let second = service_page(10, 0, &[(error, 90)]);
    observations.service.result = Ok(pair(&service_page(9, 0, &[]), &second));
}

fn stale(observations: &mut Observations) {
    prometheus(observations).jobs[0].newest = NOW - 200.0;
}

#[test]
fn all_checks_of_a_healthy_pipeline_pass() {
    let report = report(|_| {});
    assert_eq!(with(&report, Status::Ok), Check::ALL, "{}", report.to_text());
    assert!(report.is_healthy() && report.performance.is_empty());
}

#[test]
fn a_default_address_without_response_is_skipped() {
    let report = report(|it| {
        it.grafana.is_given = false;
        it.grafana.result = Err(ProbeError::Refused);
    });
    assert_eq!(with(&report, Status::Skipped), [Check::Grafana]);
    assert!(report.is_healthy());
}

#[test]
fn nothing_is_checked_if_no_server_responds() {
    let absent = report(|it| {
        it.service.is_given = false;
        it.service.result = Err(ProbeError::Refused);
        it.collector.metrics.is_given = false;
        it.collector.metrics.result = Err(ProbeError::Refused);
        it.collector.probes[0].is_given = false;
        it.collector.probes[0].http = Err(ProbeError::Refused);
        it.collector.probes[0].grpc = Err(ProbeError::Refused);
        it.prometheus.is_given = false;
        it.prometheus.result = Err(ProbeError::Refused);
        it.grafana.is_given = false;
        it.grafana.result = Err(ProbeError::Refused);
        for clock in [&mut it.service.clock_ahead, &mut it.collector.metrics.clock_ahead] {
            *clock = None;
        }
        (it.prometheus.clock_ahead, it.grafana.clock_ahead) = (None, None);
    });
    assert_eq!(absent.verdict, Overall::NothingChecked, "{}", absent.to_text());
    assert!(!absent.is_healthy());
}

#[test]
fn a_skipped_check_still_blocks_others() {
    let mut observations = healthy();
    observations.service.result = Err(ProbeError::Refused);
    stale(&mut observations);
    let report = evaluate(&observations, &[Check::Service]);
    assert!(report.is_healthy(), "{}", report.to_text());
    assert_eq!(with(&report, Status::Blocked), [Check::Prometheus]);
}

#[test]
fn a_service_without_requests_is_broken() {
    let why = check_breaks(Check::Service, |it| {
        it.service.result = Ok(pair("", ""));
        prometheus(it).jobs.clear();
        prometheus(it).exemplars = 0;
    });
    assert!(why.contains("http_layer"), "{why}");
}

#[test]
fn another_programs_page_is_recognized() {
    let why = check_breaks(Check::Service, |it| {
        it.service.result = Ok(pair("go_threads 5\n", "go_threads 5\n"));
    });
    assert!(why.contains("none of stagelight's"), "{why}");
}

#[test]
fn a_wrong_endpoint_gets_the_right_one_as_fix() {
    let why = check_breaks(Check::Export, |it| {
        lost(it, "connection");
        it.collector.probes[0].url = "http://other:4317".to_owned();
        stale(it);
    });
    assert!(why.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://other:4317"), "{why}");
}

#[test]
fn a_wrong_protocol_gets_the_right_one_as_fix() {
    let why = check_breaks(Check::Export, |it| {
        lost(it, "connection");
        let probe = &mut it.collector.probes[0];
        (probe.http, probe.grpc) = (Ok(()), Err(ProbeError::OtherProtocol));
    });
    assert!(why.contains("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"), "{why}");
}

#[test]
fn plain_http_to_a_tls_receiver_gets_https_as_fix() {
    let why = check_breaks(Check::Export, |it| {
        lost(it, "connection");
        let probe = &mut it.collector.probes[0];
        (probe.http, probe.grpc) = (Err(ProbeError::TlsRequired), Err(ProbeError::OtherProtocol));
    });
    assert!(why.contains("OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4317"), "{why}");
}

#[test]
fn a_closed_connection_may_mean_tls() {
    let why = check_breaks(Check::Export, |it| {
        lost(it, "connection");
        let closed = || Err(ProbeError::Disconnected("connection closed".to_owned()));
        let probe = &mut it.collector.probes[0];
        (probe.http, probe.grpc) = (closed(), closed());
    });
    assert!(why.contains("is not an OTLP receiver or requires TLS"), "{why}");
}

#[test]
fn an_untrusted_certificate_gets_the_certificate_variable_as_fix() {
    let why = check_breaks(Check::Export, |it| {
        it.service.result = Ok(pair(&service_page(1, 0, &[]), &service_page(2, 0, &[])));
        let unknown = || Err(ProbeError::Certificate("UnknownIssuer".to_owned()));
        let probe = &mut it.collector.probes[0];
        (probe.http, probe.grpc) = (unknown(), unknown());
    });
    assert!(why.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{why}");
}

#[test]
fn a_missing_token_gets_the_headers_variable_as_fix() {
    for error in ["401", "Unauthenticated", "PermissionDenied"] {
        let why = check_breaks(Check::Export, |it| lost(it, error));
        assert!(why.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{why}");
    }
}

#[test]
fn a_wrong_path_gets_the_receivers_address_as_fix() {
    let why = check_breaks(Check::Export, |it| lost(it, "404"));
    assert!(why.contains("another path or protocol"), "{why}");
}

#[test]
fn past_failures_are_only_noted() {
    let report = report(|it| {
        let page = |delivered| service_page(10, delivered, &[("connection", 90)]);
        it.service.result = Ok(pair(&page(400), &page(500)));
        collector(it, [0, 0, 10, 90, 0, 0], [5, 0, 15, 90, 0, 0]);
    });
    assert!(report.is_healthy(), "{}", report.to_text());
    assert!(report.to_text().contains("has lost 90 metric points since"), "{}", report.to_text());
}

#[test]
fn without_exports_the_probe_decides() {
    let started = |it: &mut Observations| {
        it.service.result = Ok(pair(&service_page(1, 0, &[]), &service_page(2, 0, &[])));
    };
    assert!(report(started).is_healthy());
    check_breaks(Check::Export, |it| {
        started(it);
        it.collector.probes[0].grpc =
            Err(ProbeError::Grpc { status: "UNAUTHENTICATED", message: String::new() });
    });
}

#[test]
fn a_stopped_collector_blocks_the_dependent_checks() {
    let gone = |it: &mut Observations| {
        lost(it, "connection");
        it.collector.metrics.result = Err(ProbeError::Refused);
        it.collector.probes[0].http = Err(ProbeError::Refused);
        it.collector.probes[0].grpc = Err(ProbeError::Refused);
        stale(it);
    };
    check_breaks(Check::Collector, gone);
    let expected = [Check::Export, Check::Delivery, Check::Prometheus];
    assert_eq!(with(&report(gone), Status::Blocked), expected);
}

#[test]
fn a_refusing_memory_limiter_breaks_the_collector() {
    let why = check_breaks(Check::Collector, |it| {
        let refused = |count: u32| {
            collector_page([100 + count, count, 100 + count, 0, 0, 0])
                + &format!("otelcol_processor_memory_limiter_refused_metric_points {count}\n")
        };
        it.collector.metrics.result = Ok(pair(&refused(0), &refused(7)));
        lost(it, "Unavailable");
    });
    assert!(why.contains("STAGELIGHT_COLLECTOR_MEMORY_MIB"), "{why}");
}

#[test]
fn a_full_queue_breaks_delivery_and_blocks_the_rest() {
    let full = |it: &mut Observations| {
        collector(it, [100, 0, 100, 0, 0, 9], [150, 40, 100, 0, 40, 10]);
        lost(it, "Unavailable");
        stale(it);
    };
    let why = check_breaks(Check::Delivery, full);
    assert!(why.contains("its queue has 10 of 10, and refused 40 metric points"), "{why}");
    let expected = [Check::Export, Check::Collector, Check::Prometheus];
    assert_eq!(with(&report(full), Status::Blocked), expected);
}

#[test]
fn a_small_queue_differs_from_a_stuck_one() {
    let why = check_breaks(Check::Delivery, |it| {
        collector(it, [0, 0, 100, 0, 0, 0], [0, 0, 200, 0, 3, 1]);
    });
    assert!(why.contains("queue_size"), "{why}");
}

#[test]
fn a_stopped_trace_backend_breaks_delivery() {
    let why = check_breaks(Check::Delivery, |it| {
        let page = |failed: u32| {
            collector_page([100, 0, 100 + failed, 0, 0, 0])
                + &format!("otelcol_exporter_send_failed_spans{{exporter=\"tempo\"}} {failed}\n")
        };
        it.collector.metrics.result = Ok(pair(&page(0), &page(5)));
    });
    assert!(why.contains("tempo") && why.contains("STAGELIGHT_TRACES_ADDRESS"), "{why}");
}

#[test]
fn a_stopped_prometheus_blocks_delivery() {
    let down = |it: &mut Observations| {
        it.prometheus.result = Err(ProbeError::Refused);
        collector(it, [100, 0, 100, 0, 0, 9], [150, 40, 100, 0, 40, 10]);
        lost(it, "Unavailable");
        source(it).series = Err(ProbeError::Status { code: 502, message: String::new() });
    };
    check_breaks(Check::Prometheus, down);
    assert_eq!(with(&report(down), Status::Blocked).len(), 8, "{}", report(down).to_text());
}

#[test]
fn a_disabled_otlp_receiver_matters_only_if_used() {
    let why = check_breaks(Check::Prometheus, |it| {
        prometheus(it).otlp_receiver = Some(false);
        stale(it);
        collector(it, [100, 0, 100, 0, 0, 0], [200, 0, 100, 100, 0, 0]);
    });
    assert!(why.contains("--web.enable-otlp-receiver"), "{why}");

    let by_remote_write = report(|it| prometheus(it).otlp_receiver = Some(false));
    assert!(by_remote_write.is_healthy(), "{}", by_remote_write.to_text());
}

#[test]
fn stale_samples_break_prometheus_if_nothing_upstream_does() {
    let why = check_breaks(Check::Prometheus, stale);
    assert!(why.contains("200 s old (limit 45 s)"), "{why}");
    let report = report(|it| prometheus(it).jobs[0].newest = NOW - 44.0);
    assert!(report.is_healthy(), "{}", report.to_text());
}

#[test]
fn rejected_samples_break_prometheus() {
    let why = check_breaks(Check::Prometheus, |it| {
        let name = "prometheus_tsdb_too_old_samples_total{type=\"float\"}";
        prometheus(it).own = Some(pair(&format!("{name} 1\n"), &format!("{name} 4\n")));
    });
    assert!(why.contains("3 too old") && why.contains("out_of_order_time_window"), "{why}");
}

#[test]
fn another_translation_strategy_is_inferred_from_the_names() {
    for strategy in &Strategy::ALL[1..] {
        let why = check_breaks(Check::Contract, |it| prometheus(it).names = names(*strategy));
        assert!(why.contains(&format!("translation_strategy: {}", strategy.as_str())), "{why}");
    }
}

#[test]
fn a_missing_metric_is_broken_once_it_must_have_arrived() {
    let without = |it: &mut Observations| {
        prometheus(it).names.remove("request_duration_seconds_count");
    };
    let why = check_breaks(Check::Contract, without);
    assert!(why.contains("not in Prometheus: request_duration_seconds"), "{why}");
    let not_yet = report(|it| {
        without(it);
        prometheus(it).jobs[0].newest = NOW - 10.0;
    });
    assert!(not_yet.is_healthy(), "{}", not_yet.to_text());
}

#[test]
fn other_buckets_and_missing_labels_break_the_contract() {
    let why = check_breaks(Check::Contract, |it| {
        prometheus(it).bounds.insert("backend_ttfb_seconds".to_owned(), vec![0.5, 1.0]);
    });
    assert!(why.contains("backend_ttfb_seconds has 0.5 1"), "{why}");
    let why = check_breaks(Check::Contract, |it| {
        let lacking = ("backend_ttfb_seconds_count".to_owned(), "provider".to_owned());
        prometheus(it).unlabelled.push(lacking);
    });
    assert!(why.contains("backend_ttfb_seconds_count without provider"), "{why}");
}

#[test]
fn native_histograms_break_the_contract() {
    let why = check_breaks(Check::Contract, |it| {
        let name = catalog::BACKEND_TTFB.metric().prometheus_name;
        prometheus(it).names.remove(&format!("{name}_count"));
        prometheus(it).names.insert(name.to_owned());
    });
    assert!(why.contains("backend_ttfb_seconds") && why.contains("native"), "{why}");
}

#[test]
fn missing_or_failing_rules_are_broken() {
    let why = check_breaks(Check::Rules, |it| prometheus(it).rules.truncate(3));
    assert!(why.contains("missing: HighFrontendProcessing"), "{why}");
    let why = check_breaks(Check::Rules, |it| {
        prometheus(it).rules[0].error = Some("many-to-many".to_owned());
    });
    assert!(why.contains("HighBackendTTFB") && why.contains("many-to-many"), "{why}");
}

#[test]
fn missing_or_stopped_alertmanagers_are_broken() {
    check_breaks(Check::Alertmanager, |it| prometheus(it).alertmanagers.clear());
    check_breaks(Check::Alertmanager, |it| {
        prometheus(it).alertmanagers[0].1 = Some(ProbeError::Refused);
    });
    // Unreachable from here only: in another network.
    let report = report(|it| prometheus(it).alertmanagers[0].1 = Some(ProbeError::Unresolved));
    assert!(report.is_healthy(), "{}", report.to_text());
}

#[test]
fn a_skewed_clock_blocks_the_check_of_sample_age() {
    let why = check_breaks(Check::Clocks, |it| {
        it.service.clock_ahead = Some(-198.0);
        stale(it);
    });
    assert!(why.contains("the service is 198 s behind"), "{why}");
    check_breaks(Check::Clocks, |it| prometheus(it).jobs[0].newest = NOW + 60.0);
    check_breaks(Check::Clocks, |it| prometheus(it).time = Some((NOW + 9.0, NOW)));
}

#[test]
fn disabled_exemplars_are_broken() {
    check_breaks(Check::Exemplars, |it| prometheus(it).exemplar_storage = Some(false));
    check_breaks(Check::Exemplars, |it| {
        prometheus(it).config = "  exemplars:\n    max_exemplars: 0\n".to_owned();
    });
}

#[test]
fn missing_exemplars_are_broken_only_after_enough_requests() {
    let few = |it: &mut Observations| {
        let page = |spans: u32| {
            format!(
                "{}otel_sdk_exporter_span_exported_total {spans}\n",
                service_page(10, 400 + spans, &[])
            )
        };
        it.service.result = Ok(pair(&page(1), &page(7)));
        prometheus(it).exemplars = 0;
        prometheus(it).recent_requests = 3.0;
    };
    assert!(report(few).is_healthy());
    check_breaks(Check::Exemplars, |it| {
        few(it);
        prometheus(it).recent_requests = 300.0;
    });
}

#[test]
fn a_failing_or_wrong_data_source_is_broken() {
    check_breaks(Check::Grafana, |it| source(it).series = Ok(0.0));
    let why = check_breaks(Check::Grafana, |it| {
        source(it).series = Err(ProbeError::Status { code: 502, message: String::new() });
        source(it).error = Some("connection refused".to_owned());
    });
    assert!(why.contains("connection refused") && why.contains("http://prometheus:9090"), "{why}");
    let why = check_breaks(Check::Grafana, |it| prometheus(it).jobs[0].interval = Some(60.0));
    assert!(why.contains("timeInterval: 60s"), "{why}");
    check_breaks(Check::Grafana, |it| it.grafana.result.as_mut().unwrap().sources = Ok(Vec::new()));
}

#[test]
fn unreadable_data_sources_are_skipped_unless_grafana_was_given() {
    let denied = |it: &mut Observations| {
        let grafana = it.grafana.result.as_mut().unwrap();
        grafana.sources = Err(ProbeError::Status { code: 401, message: String::new() });
        grafana.has_credentials = false;
    };
    check_breaks(Check::Grafana, denied);
    let report = report(|it| {
        denied(it);
        it.grafana.is_given = false;
    });
    assert_eq!(with(&report, Status::Skipped), [Check::Grafana]);
    assert!(report.is_healthy());
}

#[test]
fn slow_providers_are_noted_with_the_cause() {
    let slow = |client_share| {
        let report = report(|it| {
            prometheus(it).performance.push(Performance {
                provider: "northwind".to_owned(),
                ttfb_p95: Some(3.25),
                streaming_p95: Some(2.6),
                client_share,
            });
        });
        assert!(report.is_healthy());
        report.performance
    };
    let notes = slow(Some(0.9));
    assert!(notes[0].starts_with(
        "northwind: p95 of the time to first byte is 3.25 s (HighBackendTTFB above 2 s)"
    ));
    assert!(notes[1].ends_with("90 % of it waits for clients that read slowly"), "{notes:?}");
    assert!(slow(Some(0.1))[1].contains("90 % of it waits for the provider"));
    let report = report(|it| prometheus(it).performance.push(Performance::default()));
    assert!(report.performance.is_empty());
}
