//! The ways to deploy are accepted as they are, and refused with one mistake in them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use xtask::{Cache, Deploy, Workspace};

/// A copy of the operator's folders, to make mistakes in.
struct Copy {
    folder: TempDir,
}

// === impl Copy ===

impl Copy {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let from = Workspace::find().path("collector");
        let status = Command::new("cp").arg("-r").arg(from).arg(folder.path()).status();
        assert!(status.unwrap().success());
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces every `from` in a file.
    fn with(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.path(file)).unwrap();
        self
    }
}

fn deploy() -> Deploy {
    Deploy::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap()
}

fn compose(file: &Path) -> String {
    deploy().compose(file).map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
}

#[track_caller]
fn compose_is_refused(copy: &Copy, expected: &str) {
    let answer = compose(&copy.path("collector/compose.yaml"));
    assert!(answer.contains(expected), "expected {expected:?}, got:\n{answer}");
}

#[test]
fn the_compose_file_is_accepted() {
    assert_eq!(compose(&Workspace::find().path("collector/compose.yaml")), "accepted");
}

#[test]
fn a_misspelt_field_of_the_compose_file_is_refused() {
    let copy = Copy::new().with("collector/compose.yaml", "mem_limit:", "mem_limits:");
    compose_is_refused(&copy, "mem_limits");
}

#[test]
fn a_mounted_file_that_is_missing_is_refused() {
    let copy = Copy::new().without("collector/compose/tempo.yaml");
    compose_is_refused(&copy, "tempo: mounts stat ");
}

#[test]
fn a_listener_left_on_the_containers_loopback_is_refused() {
    let copy = Copy::new().with(
        "collector/compose.yaml",
        "STAGELIGHT_OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
        "OTLP_HTTP_ADDRESS: 0.0.0.0:4318",
    );
    compose_is_refused(
        &copy,
        "STAGELIGHT_OTLP_HTTP_ADDRESS is not set, and its default \"127.0.0.1:4318\" is the container itself",
    );
}

#[test]
fn a_variable_that_no_configuration_reads_is_refused() {
    let copy = Copy::new().with(
        "collector/all-in-one.yaml",
        "${env:STAGELIGHT_TRACES_EXPORTER:-debug}",
        "debug",
    );
    compose_is_refused(
        &copy,
        "STAGELIGHT_TRACES_EXPORTER is set, and no configuration of it reads",
    );
}

#[test]
fn an_address_of_no_service_is_refused() {
    let copy = Copy::new().with("collector/compose/targets/collector.yaml", "collector:", "agent:");
    compose_is_refused(&copy, "prometheus: target \"agent:8888\" names no service");
}

#[test]
fn a_service_on_another_network_is_no_address() {
    let copy =
        Copy::new().with("collector/compose.yaml", "networks: [backend]", "networks: [edge]");
    let copy =
        copy.with("collector/compose.yaml", "networks: [edge, backend]", "networks: [backend]");
    compose_is_refused(&copy, "\"tempo:4317\" is on none of its networks");
}

#[test]
fn a_health_check_by_a_program_that_the_image_does_not_have_is_refused() {
    let copy =
        Copy::new().with("collector/compose.yaml", "[\"CMD\", \"/tempo\"", "[\"CMD\", \"curl\"");
    compose_is_refused(&copy, "calls what image grafana/tempo does not have");
}

#[test]
fn more_privilege_than_needed_is_refused() {
    let file = "collector/compose.yaml";
    compose_is_refused(&Copy::new().with(file, "read_only: true\n", "\n"), "not read-only");
    compose_is_refused(&Copy::new().with(file, "cap_drop: [ALL]", ""), "cap_drop is not [ALL]");
    compose_is_refused(&Copy::new().with(file, "10001:10001\"\n", "root\"\n"), "it runs as root");
    compose_is_refused(&Copy::new().with(file, ":-127.0.0.1}", ":-0.0.0.0}"), "not on loopback");
    compose_is_refused(&Copy::new().with(file, "tempo:3.1.0", "tempo:latest"), "exact version");
}
