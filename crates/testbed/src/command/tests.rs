use std::process::Command;

use super::{describe, output, run};

#[test]
fn a_command_is_shown_as_it_can_be_typed() {
    let mut command = Command::new("go");
    command.args(["build", "-ldflags=-s -w", "", "it's"]).env("GOFLAGS", "-mod=readonly");

    assert_eq!(describe(&command), r"GOFLAGS=-mod=readonly go build '-ldflags=-s -w' '' 'it'\''s'");
}

#[test]
fn a_failing_command_is_named_with_its_status() {
    let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();

    assert_eq!(error, "`sh -c 'exit 3'` failed with exit status: 3");
}

#[test]
fn a_missing_program_is_named() {
    let error = output(&mut Command::new("no-such-program")).unwrap_err();

    assert!(error.to_string().contains("`no-such-program`"), "{error}");
}
