//! `stagelight demo` exports the counts that it prints.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use testbed::{GatewaySource, Stack, StackOptions, Workspace};

use crate::prometheus::Prometheus;

#[test]
fn the_demos_json_matches_its_metrics_in_prometheus() {
    let options = StackOptions { gateway: GatewaySource::None, ..StackOptions::default() };
    let stack = Stack::start(&options).unwrap();
    let prometheus = Prometheus::new(&stack.addresses().prometheus);

    let collector = &stack.addresses().collector_http;
    let output = Command::new(program())
        .args(["demo", "--duration", "3s", "--format", "json", "--otlp-endpoint", collector])
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoints = document["endpoints"].as_array().unwrap();
    assert!(!endpoints.is_empty(), "{document:#}");
    let mut expected = BTreeMap::new();
    for endpoint in endpoints {
        check_arithmetic(endpoint);
        expect_counts(endpoint, &mut expected);
    }
    for (selector, count) in expected {
        prometheus.wait_for(&format!("sum({selector})"), count);
    }
    check_sums(&prometheus, endpoints);
}

/// Checks that shares and unattributed time add up to the duration.
#[track_caller]
fn check_arithmetic(endpoint: &Value) {
    let stages = endpoint["stages"].as_array().unwrap();
    let shares: f64 = stages.iter().map(|it| number(&it["share_seconds"])).sum();
    let sum = shares + number(&endpoint["unattributed_seconds"]);
    let whole = number(&endpoint["duration_seconds"]["sum"]);
    assert!((sum - whole).abs() < 1e-9, "{sum} is not {whole}: {endpoint:#}");
}

/// Adds the expected values of an endpoint's selectors.
fn expect_counts(endpoint: &Value, expected: &mut BTreeMap<String, f64>) {
    let name = &endpoint["endpoint"];
    let labels = format!("job=\"stagelight-demo\",endpoint={name}");
    for (outcome, count) in endpoint["outcomes"].as_object().unwrap() {
        // An outcome that did not occur has no series.
        if *count != 0 {
            let selector =
                format!("request_duration_seconds_count{{{labels},outcome={outcome:?}}}");
            expected.insert(selector, number(count));
        }
    }
    for stage in endpoint["stages"].as_array().unwrap() {
        let labels = format!("{labels},stage={}", stage["stage"]);
        for metric in ["request_stage_duration", "request_stage_busy"] {
            let selector = format!("{metric}_seconds_count{{{labels}}}");
            expected.insert(selector, number(&stage["count"]));
        }
        if stage["errors"] != 0 {
            let selector = format!("request_stage_errors_total{{{labels}}}");
            expected.insert(selector, number(&stage["errors"]));
        }
    }
}

/// Checks that printed and exported durations are equal.
#[track_caller]
fn check_sums(prometheus: &Prometheus, endpoints: &[Value]) {
    for endpoint in endpoints {
        let name = &endpoint["endpoint"];
        let query = format!("sum(request_duration_seconds_sum{{endpoint={name}}})");
        let shown = prometheus.number(&query).unwrap();
        let printed = number(&endpoint["duration_seconds"]["sum"]);
        assert!((shown - printed).abs() < 1e-6, "{name}: {printed} printed, {shown} exported");
    }
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Returns the `stagelight` executable: that beside CI's build of the gateway, or a new build.
pub(crate) fn program() -> PathBuf {
    let gateway = std::env::var_os("STAGELIGHT_GATEWAY_PROGRAM");
    let beside = gateway.map(|it| Path::new(&it).with_file_name("stagelight"));
    beside.filter(|it| it.exists()).unwrap_or_else(build)
}

fn build() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "stagelight-cli", "--bin", "stagelight"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(Workspace::find().root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|it| *it == b'\n').filter(|it| !it.is_empty());
    let artifacts = lines.map(|it| serde_json::from_slice::<Value>(it).unwrap());
    let mut executables = artifacts.filter_map(|it| it["executable"].as_str().map(PathBuf::from));
    executables.next_back().unwrap()
}
