//! `stagelight doctor` finds the broken link, and no other.
//!
//! Grafana is faked: a server implements the used parts of its API and forwards queries to the real
//! Prometheus like Grafana's proxy.

mod fault_injection;
mod readme;
mod fake_server;

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use testbed::StackOptions;

use crate::{
    client::Chat,
    fixture::{self, Fixture, OTLP},
};
use fake_server::{FakeServer, TOKEN};
use fault_injection::{Doctor, Report};

/// A closed port.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The links of a healthy chain without Grafana.
const ALL: [&str; 10] = [
    "service",
    "export",
    "collector",
    "delivery",
    "prometheus",
    "contract",
    "rules",
    "alertmanager",
    "clocks",
    "exemplars",
];

/// All servers that the doctor checks, with an export timeout of a second.
fn options() -> StackOptions {
    let mut options = StackOptions {
        rules: true,
        alertmanager: StackOptions::default().alertmanager,
        ..fixture::options()
    };
    set(&mut options, "OTEL_EXPORTER_OTLP_TIMEOUT", "1000");
    options
}

fn set(options: &mut StackOptions, name: &str, value: &str) {
    options.gateway_env.push((name.to_owned(), value.to_owned()));
}

/// Sends a few requests.
fn send(fixture: &Fixture) {
    for _ in 0..3 {
        let chat = Chat::streamed("northwind-mini", "ttft=0s,tokens=3,token-interval=2ms");
        assert_eq!(fixture.client.chat(&chat).status, 200);
    }
}

/// Restarts the collector with an additional configuration file.
fn change_collector(fixture: &Fixture, folder: &Path, overlay: &str) {
    let path = folder.join("overlay.yaml");
    fs::write(&path, overlay).unwrap();
    let config = format!("--config={}", path.display());
    fixture.stack.collector().restart_with(&[&config]).unwrap();
}

/// Returns a folder of this test.
fn folder(fixture: &Fixture) -> &Path {
    &fixture.stack.addresses().log_dir
}

#[test]
fn faults_before_prometheus_are_found() {
    let usual = options();
    let mut fixture = Fixture::start(&usual);
    send(&fixture);
    fixture.settle(OTLP);
    let doctor = Doctor::new(&fixture);

    // No fault.
    let report = doctor.finds_no_error(&[]);
    assert!(report.ok.iter().eq(ALL.iter()), "{report:?}");
    let grpc = fixture.stack.addresses().collector_grpc.clone();
    doctor.finds_no_error(&["--collector", &grpc]);

    wrong_port(&mut fixture, &usual, &doctor);
    wrong_token(&mut fixture, &usual, &doctor);
    fixture.stack.collector().restart().unwrap();

    // Metrics are not exported.
    redeploy(&mut fixture, &usual, &[("OTEL_METRICS_EXPORTER", "none")]);
    let finding = doctor.finds_only("export", &[]);
    assert!(finding.fix.contains("OTEL_METRICS_EXPORTER"), "{finding:?}");

    // Exponential histograms.
    let kind = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    redeploy(&mut fixture, &usual, &[(kind, "base2_exponential_bucket_histogram")]);
    let finding = doctor.finds_only("contract", &[]);
    assert!(finding.fix.contains(kind), "{finding:?}");

    // The collector.
    redeploy(&mut fixture, &usual, &[]);
    doctor.finds_no_error(&[]);
    fixture.stack.collector().stop();
    let finding = doctor.finds_only("collector", &[]);
    assert!(finding.seen.ends_with("(connection refused)"), "{finding:?}");
    fixture.stack.collector().restart().unwrap();
    doctor.finds_no_error(&[]);

    slow(&fixture, &doctor);

    // The service.
    fixture.stack.gateway().unwrap().stop();
    doctor.finds_only("service", &[]);
}

/// Sends a slow request: no fault, but a warning.
#[track_caller]
fn slow(fixture: &Fixture, doctor: &Doctor) {
    let chat = Chat::streamed("northwind-mini", "ttft=3500ms,tokens=4,token-interval=700ms");
    assert!(fixture.client.chat(&chat).is_complete);

    let slow = [
        "northwind: p95 of the time to first byte is 4.",
        "(HighBackendTTFB above 2 s)",
        "northwind: p95 of streaming is 2.",
        "(HighStreamingDuration above 1.5 s)",
        "% of it waits for the provider",
    ];
    doctor.finds_no_error_and_prints(&slow, &[]);
}

/// Restarts the gateway with these variables and sends requests.
fn redeploy(fixture: &mut Fixture, usual: &StackOptions, environment: &[(&str, &str)]) {
    let mut options = usual.clone();
    for (name, value) in environment {
        set(&mut options, name, value);
    }
    fixture.stack.redeploy_gateway(&options).unwrap();
    send(fixture);
}

#[track_caller]
fn wrong_port(fixture: &mut Fixture, usual: &StackOptions, doctor: &Doctor) {
    redeploy(fixture, usual, &[("OTEL_EXPORTER_OTLP_ENDPOINT", NOWHERE)]);

    let finding = doctor.finds_only("export", &[]);

    assert!(finding.seen.contains("127.0.0.1:9 over grpc: connection"), "{finding:?}");
    let right = &fixture.stack.addresses().collector_http;
    let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT={right} and OTEL_EXPORTER_OTLP_PROTOCOL=http/");
    assert!(finding.fix.contains(&fix), "{finding:?}");
}

#[track_caller]
fn wrong_token(fixture: &mut Fixture, usual: &StackOptions, doctor: &Doctor) {
    const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    const RIGHT: &str = "authorization=Bearer%20the-right-token";
    let tokens = folder(fixture).join("tokens");
    fs::write(&tokens, "the-right-token\n").unwrap();
    let overlay = BEARER.replace("TOKENS", &tokens.display().to_string());
    change_collector(fixture, folder(fixture), &overlay);
    redeploy(fixture, usual, &[(HEADERS, "authorization=Bearer%20a-wrong-token")]);

    let with_token = doctor.clone().with_env(HEADERS, RIGHT);
    let finding = with_token.finds_only("export", &[]);
    assert!(finding.seen.ends_with(": Unauthenticated"), "{finding:?}");
    assert!(finding.why.contains("accepts the doctor's token"), "{finding:?}");
    readme::shows(&with_token);
    let finding = doctor.finds_only("export", &[]);
    assert!(finding.why.contains("the service's is missing or wrong"), "{finding:?}");

    // The service has the right token, the doctor has none.
    redeploy(fixture, usual, &[(HEADERS, RIGHT)]);
    let report = doctor.finds_no_error(&[]);
    assert!(report.text.contains("our own probe"), "{}", report.text);
    let report = with_token.finds_no_error(&[]);
    assert!(!report.text.contains("right-token"), "{}", report.text);
}

/// Receivers with a bearer token.
const BEARER: &str = "\
extensions:
  bearertokenauth: {filename: TOKENS}
receivers:
  otlp:
    protocols:
      grpc: {auth: {authenticator: bearertokenauth}}
      http: {auth: {authenticator: bearertokenauth}}
service:
  extensions: [file_storage, health_check, bearertokenauth]
";

#[test]
fn faults_in_prometheus_and_after_it_are_found() {
    let mut options = options();
    // A restart can add these switches, not remove them.
    (options.otlp_receiver, options.exemplar_storage) = (false, false);
    let fixture = Fixture::start(&options);
    send(&fixture);
    let doctor = Doctor::new(&fixture);
    let (prometheus, collector) = (fixture.stack.prometheus(), fixture.stack.collector());
    let (otlp, exemplars) = ("--web.enable-otlp-receiver", "--enable-feature=exemplar-storage");
    let addresses = fixture.stack.addresses();

    // The OTLP receiver.
    let finding = doctor.finds_only("prometheus", &["--skip", "exemplars"]);
    assert!(finding.fix.contains(otlp), "{finding:?}");

    // Exemplar storage.
    prometheus.restart_with(&[otlp]).unwrap();
    let finding = doctor.finds_only("exemplars", &[]);
    assert!(finding.fix.contains(exemplars), "{finding:?}");

    // Prometheus is down, and a queue fills up.
    let queue = "sending_queue: {sizer: items, queue_size: 3000, batch: {min_size: 1}}";
    let short = format!("exporters: {{otlp_http/prometheus: {{{queue}}}}}\n");
    change_collector(&fixture, folder(&fixture), &short);
    prometheus.stop();
    let rejects = |report: &Report| {
        ["export", "collector"].iter().all(|it| report.skipped.contains(&(*it).to_owned()))
    };
    doctor.finds_only_until("prometheus", &[], rejects);
    prometheus.restart_with(&[otlp, exemplars]).unwrap();
    send(&fixture);
    let report = doctor.finds_no_error(&[]);
    assert!(report.ok.iter().eq(ALL.iter()), "{report:?}");

    // The collector's endpoint.
    let nowhere =
        format!("exporters: {{otlp_http/prometheus: {{endpoint: \"{NOWHERE}\", {queue}}}}}\n");
    change_collector(&fixture, folder(&fixture), &nowhere);
    let is_full =
        |report: &Report| report.text.contains("exporter otlp_http/prometheus: its queue has");
    let finding = doctor.finds_only_until("delivery", &[], is_full);
    assert!(finding.seen.contains(" of 3000, and refused "), "{finding:?}");

    // Another server accepts the export.
    let fake = FakeServer::start(addresses);
    let elsewhere =
        format!("exporters: {{otlp_http/prometheus: {{endpoint: \"{}\"}}}}\n", fake.sink());
    change_collector(&fixture, folder(&fixture), &elsewhere);
    let finding = doctor.finds_only("prometheus", &[]);
    assert!(finding.seen.starts_with("the newest sample of job llm-gateway is"), "{finding:?}");

    // A renamed metric.
    change_collector(&fixture, folder(&fixture), RENAMES);
    let finding = doctor.finds_only("contract", &[]);
    assert!(finding.seen.ends_with("are not in Prometheus: backend_ttfb_seconds"), "{finding:?}");
    collector.restart().unwrap();
    doctor.finds_no_error(&[]);

    // Alertmanager.
    let alertmanager = fixture.stack.alertmanager().unwrap();
    alertmanager.stop();
    doctor.finds_only("alertmanager", &[]);
    alertmanager.restart().unwrap();

    // A clock.
    let slow = fake.slow_clock();
    let finding = doctor.finds_only("clocks", &["--service", &slow]);
    assert!(finding.seen.contains("the clock of the service is 360"), "{finding:?}");

    // A second server, because the first one is single-threaded and calls it.
    grafana(&doctor, &fake, &FakeServer::start(addresses));

    // Untranslated metric names.
    let config = doctor.prometheus_file();
    let text = fs::read_to_string(&config).unwrap();
    let changed = text.replace("UnderscoreEscapingWithSuffixes", "NoUTF8EscapingWithSuffixes");
    assert_ne!(text, changed);
    fs::write(&config, changed).unwrap();
    prometheus.restart_with(&[otlp, exemplars]).unwrap();
    let finding = doctor.finds_only("contract", &[]);
    assert!(finding.why.contains("NoUTF8EscapingWithSuffixes"), "{finding:?}");
}

/// Renames a metric, after the shipped processors.
const RENAMES: &str = "\
processors:
  transform/rename:
    metric_statements:
      - set(metric.name, \"upstream.ttfb\") where metric.name == \"backend.ttfb\"
service:
  pipelines:
    metrics:
      processors: [memory_limiter, resource_detection, transform/rename]
";

/// Checks faults of Grafana with a healthy chain.
#[track_caller]
fn grafana(doctor: &Doctor, fake: &FakeServer, other: &FakeServer) {
    let url = fake.grafana();
    let with_token = doctor.clone().with_env("STAGELIGHT_DOCTOR_GRAFANA_TOKEN", TOKEN);

    let report = with_token.finds_no_error(&["--grafana", &url]);
    assert!(report.ok.iter().any(|it| it == "grafana"), "{report:?}");
    assert!(!report.text.contains(TOKEN), "{}", report.text);

    let finding = doctor.finds_only("grafana", &["--grafana", &url]);
    assert!(finding.fix.contains("STAGELIGHT_DOCTOR_GRAFANA_TOKEN"), "{finding:?}");

    fake.set_source(NOWHERE);
    let finding = with_token.finds_only("grafana", &["--grafana", &url]);
    assert!(finding.seen.contains(NOWHERE), "{finding:?}");

    fake.set_source(&other.other_prometheus());
    let finding = with_token.finds_only("grafana", &["--grafana", &url]);
    assert!(finding.why.contains("another Prometheus"), "{finding:?}");
}

#[test]
fn closed_ports_are_broken_links_and_passwords_in_urls_are_rejected() {
    let doctor = |args: &[&str]| {
        let output = std::process::Command::new(fault_injection::program())
            .args(["doctor", "--watch", "0s", "--format", "json"])
            .args(args)
            .output()
            .unwrap();
        (output.status.code(), output)
    };
    let everywhere = ["--service", "--collector", "--prometheus", "--grafana"];
    let given: Vec<_> = everywhere.iter().flat_map(|it| [*it, NOWHERE]).collect();
    let (status, output) = doctor(&given);
    assert_eq!(status, Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status_of = |link: &str| {
        let links = report["links"].as_array().unwrap();
        links.iter().find(|it| it["link"] == link).unwrap()["status"].as_str().unwrap().to_owned()
    };
    for link in ["service", "collector", "prometheus", "grafana"] {
        assert_eq!(status_of(link), "broken", "{report:#}");
    }
    assert_eq!(status_of("contract"), "not_judged");

    let (status, output) = doctor(&["--prometheus", "http://ada:pass@127.0.0.1"]);
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(
        status == Some(2) && report.contains("command line") && !report.contains("pass@"),
        "{report}"
    );
}

/// Time between the doctor's two scrapes: several export intervals.
const WATCH: Duration = Duration::from_secs(2);
