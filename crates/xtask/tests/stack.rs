//! `cargo xtask stack`, without the gateway.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testbed::clock::eventually;
use testbed::{GatewaySource, Stack, StackOptions};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

#[test]
fn a_server_that_ends_by_itself_is_reported_with_its_log() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        rules: false,
        alertmanager: None,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    kill("-KILL", stack.collector().pid().unwrap());

    let error = eventually(|| stack.check().err().ok_or("no server has ended")).to_string();

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
fn signals_end_all_servers() {
    let (mut stack, addresses, data) = start();
    kill("-TERM", stack.id());
    assert!(stack.wait().unwrap().success());
    assert!(!data.exists());
    assert_gone(&addresses);

    let (mut stack, addresses, data) = start();
    kill("-KILL", stack.id());
    stack.wait().unwrap();
    assert_gone(&addresses);
    // A killed stack cannot remove its data.
    std::fs::remove_dir_all(data).ok();
}

/// Starts a stack; returns the addresses that it prints and its data folder.
fn start() -> (Child, Value, PathBuf) {
    let mut stack = Command::new(XTASK)
        .args(["stack", "--without-gateway"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(stack.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addresses: Value = serde_json::from_str(&line).unwrap();
    let data = Path::new(addresses["traces_file"].as_str().unwrap()).parent().unwrap().to_owned();
    assert!(data.is_dir());
    (stack, addresses, data)
}

fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

#[track_caller]
fn assert_gone(addresses: &Value) {
    for name in ["prometheus", "collector_http", "collector_grpc"] {
        let address = addresses[name].as_str().unwrap().trim_start_matches("http://").to_owned();
        eventually(|| match TcpStream::connect(&address) {
            Ok(_) => Err(format!("{name} still listens on {address}")),
            Err(_) => Ok(()),
        });
    }
}
