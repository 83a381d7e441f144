//! OpenAI's Python client against the gateway.

use std::process::Command;

use testbed::{StackOptions, Workspace, python_env};

use crate::fixture::{Fixture, options};

#[test]
fn openais_client_works_against_the_gateway() {
    let gateway_args = vec!["--timeout".to_owned(), "2s".to_owned()];
    let fixture = Fixture::start(&StackOptions { gateway_args, ..options() });
    let addresses = fixture.stack.addresses();

    let output = Command::new(python_env().unwrap())
        .arg(Workspace::find().path("examples/llm-gateway/tests/openai_client.py"))
        .env("STAGELIGHT_STACK_GATEWAY_URL", addresses.gateway.as_ref().unwrap())
        .env("STAGELIGHT_STACK_API_KEY", addresses.api_key.as_ref().unwrap())
        .env("STAGELIGHT_STACK_TIMEOUT_SECONDS", "2")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();

    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(printed.contains("checks hold"), "{printed}");
}
