//! Runs `stagelight demo`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const CHAT: &str = "/v1/chat/completions";

fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stagelight"));
    command.arg("demo").args(args).stdin(Stdio::null());
    // Must be ignored without --otlp-endpoint.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs the demo to its end; returns its document and the number of requests sent.
fn document(args: &[&str]) -> (Value, u64) {
    let output = demo(args).args(["--format", "json"]).output().unwrap();
    let notes = stderr(&output);
    assert!(output.status.success(), "{notes}");
    // Two addresses, the duration and the counts; no messages about exports.
    assert_eq!(notes.lines().count(), 4, "{notes}");
    let (sent, _) = notes.lines().last().unwrap().split_once(" requests sent").unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), sent.parse().unwrap())
}

fn endpoint<'a>(document: &'a Value, name: &str) -> &'a Value {
    let endpoints = document["endpoints"].as_array().unwrap();
    endpoints.iter().find(|it| it["endpoint"] == name).unwrap_or_else(|| panic!("{document:#}"))
}

fn stage<'a>(document: &'a Value, name: &str) -> &'a Value {
    let stages = endpoint(document, CHAT)["stages"].as_array().unwrap();
    stages.iter().find(|it| it["stage"] == name).unwrap_or_else(|| panic!("{document:#}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn mean(summary: &Value) -> f64 {
    number(&summary["sum"]) / number(&summary["count"])
}

#[track_caller]
fn check_arithmetic(document: &Value, sent: u64) {
    let endpoints = document["endpoints"].as_array().unwrap();
    for endpoint in endpoints {
        let stages = endpoint["stages"].as_array().unwrap();
        let shares: f64 = stages.iter().map(|it| number(&it["share_seconds"])).sum();
        let whole = number(&endpoint["duration_seconds"]["sum"]);
        let sum = shares + number(&endpoint["unattributed_seconds"]);
        assert!((sum - whole).abs() < 1e-9, "{sum} differs from {whole}: {endpoint:#}");

        let outcomes = endpoint["outcomes"].as_object().unwrap();
        let requests: u64 = outcomes.values().map(|it| it.as_u64().unwrap()).sum();
        assert_eq!(endpoint["requests"], requests);
        assert_eq!(endpoint["duration_seconds"]["count"], requests);
    }
    let requests: u64 = endpoints.iter().map(|it| it["requests"].as_u64().unwrap()).sum();
    assert_eq!(requests, sent, "{document:#}");
}

#[test]
fn a_slowed_stage_is_visible_and_the_shares_add_up() {
    let args = ["--duration", "2s", "--concurrency", "24"];
    let slow = [&args[..], &["--slow", "backend_fetch=200ms"]].concat();
    let (usual, slow) = std::thread::scope(|scope| {
        let usual = scope.spawn(|| document(&args));
        let slow = scope.spawn(|| document(&slow));
        (usual.join().unwrap(), slow.join().unwrap())
    });
    check_arithmetic(&usual.0, usual.1);
    check_arithmetic(&slow.0, slow.1);

    let fetch = |document: &Value| mean(&stage(document, "backend_fetch")["duration_seconds"]);
    let lost = fetch(&slow.0) - fetch(&usual.0);
    assert!((0.1..0.4).contains(&lost), "{lost}");

    let (document, _) = usual;
    let stages: Vec<_> = endpoint(&document, CHAT)["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["stage"].as_str().unwrap())
        .collect();
    let expected = [
        "auth_validation",
        "request_parsing",
        "request_preparation",
        "backend_fetch",
        "stream_processing",
    ];
    assert_eq!(stages, expected);
    assert!(0 < endpoint(&document, CHAT)["outcomes"]["cancelled"].as_u64().unwrap());
    assert!(0 < stage(&document, "auth_validation")["errors"].as_u64().unwrap());
    let measured = number(&document["duration_seconds"]);
    assert!((2.0..20.0).contains(&measured), "{measured}");
}

#[test]
fn requests_arrive_at_the_given_rate() {
    let (document, sent) = document(&["--duration", "2s", "--rate", "40"]);
    check_arithmetic(&document, sent);
    // 80 on average; a Poisson process with that mean leaves this range once in a million runs.
    assert!((40..125).contains(&sent), "{sent}");
}

#[test]
fn ctrl_c_stops_the_demo_and_prints_the_table() {
    let mut child =
        demo(&["--duration", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("metrics") {
        line.clear();
        assert!(
            0 < notes.read_line(&mut line).unwrap(),
            "the demo exited without printing an address"
        );
    }
    let address = line.trim_start_matches("metrics").trim();
    let address = address.strip_prefix("http://").and_then(|it| it.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{line}"));
    while !page(address).contains("request_duration_seconds_count{endpoint=\"/v1/chat") {
        assert!(child.try_wait().unwrap().is_none(), "the demo exited early");
    }
    interrupt(&child);

    let mut table = String::new();
    child.stdout.take().unwrap().read_to_string(&mut table).unwrap();
    let mut rest = String::new();
    notes.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(table.starts_with("measured for "), "{table}");
    for row in [CHAT, "  backend_fetch ", "  unattributed "] {
        assert!(table.lines().any(|it| it.starts_with(row)), "no {row:?} in {table}");
    }
    assert!(!table.contains('\x1b'), "escape codes without a terminal: {table}");
}

fn page(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    response
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_port_in_use_is_reported_with_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for option in ["--listen", "--metrics-listen"] {
        let output = demo(&[option, &address.to_string()]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = stderr(&output);
        assert!(message.contains(&address.port().to_string()), "{message}");
        assert!(message.contains(&format!("({option})")), "{message}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn an_unknown_stage_is_rejected_with_the_known_ones() {
    let output = demo(&["--slow", "foo=1s"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("there is no stage \"foo\" to slow down; there are auth_validation, ")
    );
}

#[test]
fn an_invalid_endpoint_is_rejected() {
    let output = demo(&["--otlp-endpoint", "ftp://collector"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(message.starts_with("error: --otlp-endpoint: "), "{message}");
    assert!(message.contains("ftp://collector"), "{message}");
}
