//! The Python that tests with real clients use.

use std::fs;
use std::process::Command;

use xtask::{Workspace, python_env};

#[test]
fn python_has_exactly_what_is_pinned() {
    let python = python_env().unwrap();

    let output = Command::new(python)
        .args(["-m", "pip", "freeze", "--disable-pip-version-check"])
        .output()
        .unwrap();

    let mut installed: Vec<_> =
        std::str::from_utf8(&output.stdout).unwrap().lines().map(str::to_lowercase).collect();
    installed.sort();
    let requirements = Workspace::find().path("tools/python/requirements.txt");
    let requirements = fs::read_to_string(requirements).unwrap();
    let mut pinned: Vec<_> =
        requirements.lines().filter(|line| !line.starts_with('#')).map(str::to_lowercase).collect();
    pinned.sort();
    assert_eq!(installed, pinned);
}

#[test]
fn the_openai_client_can_be_imported() {
    let status = Command::new(python_env().unwrap()).args(["-c", "import openai"]).status();

    assert!(status.unwrap().success());
}
