//! The official client of OpenAI, for Python, against the gateway.

use std::process::Command;

use xtask::{StackOptions, Workspace, python_env};

use crate::bench::{Bench, options};

#[test]
fn the_official_client_streams_and_fails_as_it_would_elsewhere() {
    let gateway_args = vec!["--timeout".to_owned(), "2s".to_owned()];
    let bench = Bench::start(&StackOptions { gateway_args, ..options() });
    let addresses = bench.stack.addresses();

    let output = Command::new(python_env().unwrap())
        .arg(Workspace::find().path("examples/llm-gateway/tests/openai_client.py"))
        .env("STAGELIGHT_STACK_GATEWAY_URL", addresses.gateway.as_ref().unwrap())
        .env("STAGELIGHT_STACK_API_KEY", addresses.api_key.as_ref().unwrap())
        .env("STAGELIGHT_STACK_TIMEOUT_SECONDS", "2")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("checks hold"), "{said}");
}
