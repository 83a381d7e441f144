//! The stack without the gateway: collector and Prometheus, as operators would run them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use xtask::{GatewaySource, Stack, StackOptions};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

fn start() -> Stack {
    let options = StackOptions {
        gateway: GatewaySource::None,
        rules: false,
        alertmanager: None,
        ..StackOptions::default()
    };
    Stack::start(&options).unwrap()
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build())
}

/// Sends one OTLP export as JSON. The collector has it when this returns.
fn send(stack: &Stack, signal: &str, export: &Value) {
    let url = format!("{}/v1/{signal}", stack.addresses().collector_http);
    let request = agent().post(url).header("content-type", "application/json");
    request.send(export.to_string()).unwrap();
}

fn now() -> String {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string()
}

/// A histogram of seconds with an exemplar, from a service with a version.
fn histogram(name: &str) -> Value {
    let point = json!({
        "startTimeUnixNano": now(),
        "timeUnixNano": now(),
        "count": 3,
        "sum": 1.25,
        "bucketCounts": [2, 1, 0],
        "explicitBounds": [0.5, 1.0],
        "attributes": [{"key": "stage", "value": {"stringValue": "backend_fetch"}}],
        "exemplars": [{
            "timeUnixNano": now(),
            "asDouble": 0.75,
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
        }],
    });
    json!({"resourceMetrics": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "service.instance.id", "value": {"stringValue": "shop-1"}},
            {"key": "service.version", "value": {"stringValue": "1.2.3"}},
        ]},
        "scopeMetrics": [{"scope": {}, "metrics": [{
            "name": name,
            "unit": "s",
            "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
        }]}],
    }]})
}

/// Asks Prometheus once.
fn get(stack: &Stack, path: &str) -> Value {
    let url = format!("{}/api/v1/{path}", stack.addresses().prometheus);
    let mut answer = agent().get(&url).call().unwrap();
    let mut answer: Value =
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    answer["data"].take()
}

/// Asks Prometheus until it has an answer that is not empty.
fn query(stack: &Stack, path_and_query: &str) -> Vec<Value> {
    for _ in 0..300 {
        let data = get(stack, path_and_query);
        let rows = data["result"].as_array().or(data.as_array()).unwrap();
        if !rows.is_empty() {
            return rows.clone();
        }
        sleep(Duration::from_millis(100));
    }
    panic!("nothing at {path_and_query}\n{}", stack.collector().log().unwrap());
}

#[test]
fn a_histogram_arrives_in_prometheus_with_its_names_labels_and_exemplar() {
    let stack = start();

    send(&stack, "metrics", &histogram("request.stage.duration"));

    let rows = query(&stack, "query?query=request_stage_duration_seconds_bucket");
    let mut buckets: Vec<_> = rows
        .iter()
        .map(|row| (row["metric"]["le"].as_str().unwrap(), row["value"][1].as_str().unwrap()))
        .collect();
    buckets.sort_unstable();
    assert_eq!(buckets, [("+Inf", "3"), ("0.5", "2"), ("1", "3")]);
    let labels = &rows[0]["metric"];
    assert_eq!(labels["job"], "shop");
    assert_eq!(labels["instance"], "shop-1");
    assert_eq!(labels["service_version"], "1.2.3");
    assert_eq!(labels["stage"], "backend_fetch");

    let exemplars = query(
        &stack,
        "query_exemplars?start=0&end=9999999999&query=request_stage_duration_seconds_bucket",
    );
    let labels = &exemplars[0]["exemplars"][0]["labels"];
    assert_eq!(labels["trace_id"], "5b8efff798038103d269b633813fc60c");
    assert_eq!(labels["span_id"], "eee19b7ec3c1b174");
}

#[test]
fn what_the_collector_has_accepted_survives_that_it_is_killed() {
    let stack = start();
    stack.prometheus().stop();

    send(&stack, "metrics", &histogram("kept"));
    let first = stack.collector().pid().unwrap();
    stack.collector().kill_hard();
    assert_eq!(stack.collector().pid(), None);
    stack.check().unwrap();
    stack.collector().restart().unwrap();
    stack.prometheus().restart().unwrap();

    assert_ne!(stack.collector().pid(), Some(first));
    assert_eq!(query(&stack, "query?query=kept_seconds_count")[0]["value"][1], "3");
}

#[test]
fn traces_can_be_read_back() {
    let stack = start();
    assert_eq!(stack.traces().unwrap(), "");
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "auth_validation",
        "startTimeUnixNano": now(),
        "endTimeUnixNano": now(),
    });

    send(&stack, "traces", &json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}));

    let traces = (0..300).find_map(|_| {
        sleep(Duration::from_millis(100));
        stack.traces().unwrap().lines().next().map(str::to_owned)
    });
    let traces: Value = serde_json::from_str(&traces.unwrap()).unwrap();
    let span = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["name"], "auth_validation");
}

#[test]
fn prometheus_knows_whom_to_tell_of_alerts_and_the_copies_run_faster() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        evaluation_interval: Duration::from_millis(1500),
        alert_speed: 30,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();

    let found = (0..300).find_map(|_| {
        sleep(Duration::from_millis(100));
        let active = get(&stack, "alertmanagers")["activeAlertmanagers"].take();
        active.as_array().unwrap().first().map(|it| it["url"].as_str().unwrap().to_owned())
    });
    let alertmanager = stack.addresses().alertmanager.as_deref().unwrap();
    assert_eq!(found.unwrap(), format!("{alertmanager}/api/v2/alerts"));

    let config = get(&stack, "status/config");
    let config = config["yaml"].as_str().unwrap();
    assert!(config.contains("evaluation_interval: 1s500ms"), "{config}");
    let url = format!("{alertmanager}/api/v2/status");
    let status = agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
    // A shipped wait of 30 s.
    assert!(status.contains("group_wait: 1s"), "{status}");
}

#[test]
fn prometheus_runs_without_the_switches_that_a_test_takes_away() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        otlp_receiver: false,
        exemplar_storage: false,
        prometheus_args: vec!["--query.lookback-delta=7s".to_owned()],
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();

    let flags = get(&stack, "status/flags");
    assert_eq!(flags["web.enable-otlp-receiver"], "false");
    assert_eq!(flags["enable-feature"], "");
    assert_eq!(flags["query.lookback-delta"], "7s");
}

#[test]
fn a_server_that_ends_by_itself_is_reported_with_its_log() {
    let stack = start();
    let pid = stack.collector().pid().unwrap().to_string();

    let killed = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    assert!(killed.success());

    let error = (0..100).find_map(|_| {
        sleep(Duration::from_millis(20));
        stack.check().err()
    });
    let error = error.unwrap().to_string();
    assert!(error.starts_with("collector has ended: signal: 9"), "{error}");
    assert!(error.contains("Everything is ready"), "{error}");
}

#[test]
fn exec_passes_output_and_status_through() {
    let output = Command::new(XTASK)
        .args(["stack", "--without-gateway", "--exec"])
        .arg("echo $STAGELIGHT_STACK_PROMETHEUS_URL; exit 7")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(7));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("http://127.0.0.1:"), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
}

#[test]
fn an_interrupt_ends_all_servers_and_removes_their_data() {
    let (stack, addresses) = start_program();
    let traces = addresses["traces_file"].as_str().unwrap();
    let data = Path::new(traces).parent().unwrap().to_owned();
    assert!(data.is_dir());

    let mut stack = interrupt(stack, "-TERM");

    assert!(stack.wait().unwrap().success());
    assert!(!data.exists());
    assert_gone(&addresses);
}

#[test]
fn servers_do_not_outlive_a_killed_stack() {
    let (stack, addresses) = start_program();
    let traces = addresses["traces_file"].as_str().unwrap();
    let data = Path::new(traces).parent().unwrap().to_owned();

    let mut stack = interrupt(stack, "-KILL");

    stack.wait().unwrap();
    assert_gone(&addresses);
    // Nobody was left to do it.
    std::fs::remove_dir_all(data).ok();
}

fn start_program() -> (std::process::Child, Value) {
    let mut stack = Command::new(XTASK)
        .args(["stack", "--without-gateway"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(stack.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (stack, serde_json::from_str(&line).unwrap())
}

fn interrupt(stack: std::process::Child, signal: &str) -> std::process::Child {
    let pid = stack.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    stack
}

#[track_caller]
fn assert_gone(addresses: &Value) {
    for name in ["prometheus", "collector_http", "collector_grpc"] {
        let address = addresses[name].as_str().unwrap().trim_start_matches("http://").to_owned();
        let gone = (0..100).any(|_| {
            sleep(Duration::from_millis(20));
            std::net::TcpStream::connect(&address).is_err()
        });
        assert!(gone, "{name} still listens at {address}");
    }
}
