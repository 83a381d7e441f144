//! `stagelight doctor` names the link that was broken, and no other.
//!
//! Grafana itself is not to be had here: a scripted server speaks those parts of its API that are asked for, and asks the real
//! Prometheus as Grafana's proxy does.

mod patient;
mod readme;
mod scripted;

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use xtask::StackOptions;

use crate::{
    bench::{self, Bench, OTLP},
    caller::Chat,
};
use patient::{Patient, Said};
use scripted::{Scripted, TOKEN};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What a chain that works has, but Grafana.
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

/// Everything that the doctor looks at, with an export that gives up after a second.
fn options() -> StackOptions {
    let mut options = StackOptions {
        rules: true,
        alertmanager: StackOptions::default().alertmanager,
        ..bench::options()
    };
    set(&mut options, "OTEL_EXPORTER_OTLP_TIMEOUT", "1000");
    options
}

fn set(options: &mut StackOptions, name: &str, value: &str) {
    options.gateway_env.push((name.to_owned(), value.to_owned()));
}

/// Sends a few requests, so that there is something to export.
fn send(bench: &Bench) {
    for _ in 0..3 {
        let chat = Chat::streamed("northwind-mini", "ttft=0s,tokens=3,token-interval=2ms");
        assert_eq!(bench.caller.chat(&chat).status, 200);
    }
}

/// Writes a file that changes the collector's configuration, and starts it anew with it.
fn change_collector(bench: &Bench, folder: &Path, overlay: &str) {
    let path = folder.join("overlay.yaml");
    fs::write(&path, overlay).unwrap();
    let config = format!("--config={}", path.display());
    bench.stack.collector().restart_with(&[&config]).unwrap();
}

/// Returns a folder that is this test's own.
fn folder(bench: &Bench) -> &Path {
    &bench.stack.addresses().log_dir
}

#[test]
fn what_breaks_before_prometheus_is_named() {
    let usual = options();
    let mut bench = Bench::start(&usual);
    send(&bench);
    bench.settle(OTLP);
    let patient = Patient::new(&bench);

    // Nothing.
    let report = patient.is_well(&[]);
    assert!(report.ok.iter().eq(ALL.iter()), "{report:?}");
    let grpc = bench.stack.addresses().collector_grpc.clone();
    patient.is_well(&["--collector", &grpc]);

    wrong_port(&mut bench, &usual, &patient);
    wrong_token(&mut bench, &usual, &patient);
    bench.stack.collector().restart().unwrap();

    // The export of metrics.
    redeploy(&mut bench, &usual, &[("OTEL_METRICS_EXPORTER", "none")]);
    let finding = patient.breaks_only("export", &[]);
    assert!(finding.fix.contains("OTEL_METRICS_EXPORTER"), "{finding:?}");

    // The histograms' kind.
    let kind = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    redeploy(&mut bench, &usual, &[(kind, "base2_exponential_bucket_histogram")]);
    let finding = patient.breaks_only("contract", &[]);
    assert!(finding.fix.contains(kind), "{finding:?}");

    // The collector.
    redeploy(&mut bench, &usual, &[]);
    patient.is_well(&[]);
    bench.stack.collector().stop();
    let finding = patient.breaks_only("collector", &[]);
    assert!(finding.seen.ends_with("(connection refused)"), "{finding:?}");
    bench.stack.collector().restart().unwrap();
    patient.is_well(&[]);

    slow(&bench, &patient);

    // The service.
    bench.stack.gateway().unwrap().stop();
    patient.breaks_only("service", &[]);
}

/// Sends a request that is slow in both ways: nothing breaks, and it is said.
#[track_caller]
fn slow(bench: &Bench, patient: &Patient) {
    let chat = Chat::streamed("northwind-mini", "ttft=3500ms,tokens=4,token-interval=700ms");
    assert!(bench.caller.chat(&chat).is_whole);

    let slow = [
        "northwind: p95 of the time to first byte is 4.",
        "(HighBackendTTFB above 2 s)",
        "northwind: p95 of streaming is 2.",
        "(HighStreamingDuration above 1.5 s)",
        "% of it waits for the provider",
    ];
    patient.is_well_and_says(&slow, &[]);
}

/// Starts the gateway anew with these variables, and sends it requests.
fn redeploy(bench: &mut Bench, usual: &StackOptions, environment: &[(&str, &str)]) {
    let mut options = usual.clone();
    for (name, value) in environment {
        set(&mut options, name, value);
    }
    bench.stack.redeploy_gateway(&options).unwrap();
    send(bench);
}

#[track_caller]
fn wrong_port(bench: &mut Bench, usual: &StackOptions, patient: &Patient) {
    redeploy(bench, usual, &[("OTEL_EXPORTER_OTLP_ENDPOINT", NOWHERE)]);

    let finding = patient.breaks_only("export", &[]);

    assert!(finding.seen.contains("127.0.0.1:9 by grpc: connection"), "{finding:?}");
    let right = &bench.stack.addresses().collector_http;
    let fix = format!("OTEL_EXPORTER_OTLP_ENDPOINT={right} and OTEL_EXPORTER_OTLP_PROTOCOL=http/");
    assert!(finding.fix.contains(&fix), "{finding:?}");
}

#[track_caller]
fn wrong_token(bench: &mut Bench, usual: &StackOptions, patient: &Patient) {
    const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    const RIGHT: &str = "authorization=Bearer%20the-right-token";
    let tokens = folder(bench).join("tokens");
    fs::write(&tokens, "the-right-token\n").unwrap();
    let door = BEARER.replace("TOKENS", &tokens.display().to_string());
    change_collector(bench, folder(bench), &door);
    redeploy(bench, usual, &[(HEADERS, "authorization=Bearer%20a-wrong-token")]);

    let with_token = patient.clone().with_env(HEADERS, RIGHT);
    let finding = with_token.breaks_only("export", &[]);
    assert!(finding.seen.ends_with(": Unauthenticated"), "{finding:?}");
    assert!(finding.why.contains("accepts the one that we have"), "{finding:?}");
    readme::shows(&with_token);
    let finding = patient.breaks_only("export", &[]);
    assert!(finding.why.contains("the service's is missing or wrong"), "{finding:?}");

    // With the right one, it is only the doctor who has none.
    redeploy(bench, usual, &[(HEADERS, RIGHT)]);
    let report = patient.is_well(&[]);
    assert!(report.text.contains("our own probe"), "{}", report.text);
    let report = with_token.is_well(&[]);
    assert!(!report.text.contains("right-token"), "{}", report.text);
}

/// Asks for a token at the door.
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
fn what_breaks_at_prometheus_and_after_it_is_named() {
    let mut options = options();
    // Both can be added when it is started again, and not taken away.
    (options.otlp_receiver, options.exemplar_storage) = (false, false);
    let bench = Bench::start(&options);
    send(&bench);
    let patient = Patient::new(&bench);
    let (prometheus, collector) = (bench.stack.prometheus(), bench.stack.collector());
    let (otlp, exemplars) = ("--web.enable-otlp-receiver", "--enable-feature=exemplar-storage");
    let addresses = bench.stack.addresses();

    // The OTLP receiver.
    let finding = patient.breaks_only("prometheus", &["--skip", "exemplars"]);
    assert!(finding.fix.contains(otlp), "{finding:?}");

    // The storage of exemplars.
    prometheus.restart_with(&[otlp]).unwrap();
    let finding = patient.breaks_only("exemplars", &[]);
    assert!(finding.fix.contains(exemplars), "{finding:?}");

    // Prometheus, and a queue that is full before long.
    let short = "exporters: {otlp_http/prometheus: {sending_queue: {sizer: items, queue_size: 3000, batch: {min_size: 1}}}}\n";
    change_collector(&bench, folder(&bench), short);
    prometheus.stop();
    let refuses = |said: &Said| {
        ["export", "collector"].iter().all(|it| said.not_judged.contains(&(*it).to_owned()))
    };
    patient.breaks_until("prometheus", &[], refuses);
    prometheus.restart_with(&[otlp, exemplars]).unwrap();
    send(&bench);
    let report = patient.is_well(&[]);
    assert!(report.ok.iter().eq(ALL.iter()), "{report:?}");

    // Where the collector sends to.
    let queue = "sending_queue: {sizer: items, queue_size: 3000, batch: {min_size: 1}}";
    let nowhere =
        format!("exporters: {{otlp_http/prometheus: {{endpoint: \"{NOWHERE}\", {queue}}}}}\n");
    change_collector(&bench, folder(&bench), &nowhere);
    let is_full = |said: &Said| said.text.contains("exporter otlp_http/prometheus: its queue has");
    let finding = patient.breaks_until("delivery", &[], is_full);
    assert!(finding.seen.contains(" of 3000, and refused "), "{finding:?}");

    // That somebody else takes what is sent.
    let scripted = Scripted::start(addresses);
    let elsewhere =
        format!("exporters: {{otlp_http/prometheus: {{endpoint: \"{}\"}}}}\n", scripted.sink());
    change_collector(&bench, folder(&bench), &elsewhere);
    let finding = patient.breaks_only("prometheus", &[]);
    assert!(finding.seen.starts_with("the newest sample of job llm-gateway is"), "{finding:?}");

    // One metric's name.
    change_collector(&bench, folder(&bench), RENAMES);
    let finding = patient.breaks_only("contract", &[]);
    assert!(finding.seen.ends_with("are not in Prometheus: backend_ttfb_seconds"), "{finding:?}");
    collector.restart().unwrap();
    patient.is_well(&[]);

    // Alertmanager.
    let alertmanager = bench.stack.alertmanager().unwrap();
    alertmanager.stop();
    patient.breaks_only("alertmanager", &[]);
    alertmanager.restart().unwrap();

    // A clock.
    let slow = scripted.slow_clock();
    let finding = patient.breaks_only("clocks", &["--service", &slow]);
    assert!(finding.seen.contains("the clock of the service is 360"), "{finding:?}");

    // One that is asked by the first, which does one thing at a time.
    grafana(&patient, &scripted, &Scripted::start(addresses));

    // All names.
    let config = patient.prometheus_file();
    let text = fs::read_to_string(&config).unwrap();
    let changed = text.replace("UnderscoreEscapingWithSuffixes", "NoUTF8EscapingWithSuffixes");
    assert_ne!(text, changed);
    fs::write(&config, changed).unwrap();
    prometheus.restart_with(&[otlp, exemplars]).unwrap();
    let finding = patient.breaks_only("contract", &[]);
    assert!(finding.why.contains("NoUTF8EscapingWithSuffixes"), "{finding:?}");
}

/// Gives one metric another name, behind the processors that are there already.
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

/// Checks Grafana with a chain that works.
#[track_caller]
fn grafana(patient: &Patient, scripted: &Scripted, other: &Scripted) {
    let url = scripted.grafana();
    let with_token = patient.clone().with_env("STAGELIGHT_DOCTOR_GRAFANA_TOKEN", TOKEN);

    let report = with_token.is_well(&["--grafana", &url]);
    assert!(report.ok.iter().any(|it| it == "grafana"), "{report:?}");
    assert!(!report.text.contains(TOKEN), "{}", report.text);

    let finding = patient.breaks_only("grafana", &["--grafana", &url]);
    assert!(finding.fix.contains("STAGELIGHT_DOCTOR_GRAFANA_TOKEN"), "{finding:?}");

    scripted.set_source(NOWHERE);
    let finding = with_token.breaks_only("grafana", &["--grafana", &url]);
    assert!(finding.seen.contains(NOWHERE), "{finding:?}");

    scripted.set_source(&other.other_prometheus());
    let finding = with_token.breaks_only("grafana", &["--grafana", &url]);
    assert!(finding.why.contains("another Prometheus"), "{finding:?}");
}

#[test]
fn nothing_is_well_when_nobody_answers_and_a_password_in_an_address_is_refused() {
    let doctor = |args: &[&str]| {
        let output = std::process::Command::new(patient::program())
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        status == Some(2) && said.contains("command line") && !said.contains("pass@"),
        "{said}"
    );
}

/// Time between two looks: several export intervals.
const WATCH: Duration = Duration::from_secs(2);
