//! Tasks that run one program each.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use testbed::Workspace;
use testbed::command::{cargo, run};

use crate::nightly;

/// The only target on which the standard library builds with a sanitizer everywhere.
const SANITIZER_TARGET: &str = "x86_64-unknown-linux-gnu";

/// The test that writes the data of the pictures, and the variable with the file's path.
const PICTURES_TEST: &str = "bundle::what_pictures_are_drawn_from_is_written";
const PICTURES_FILE: &str = "STAGELIGHT_PICTURES_DATA";

/// Checks core's loom models: all schedules of a few threads that share its data.
pub(crate) fn model() -> Result<()> {
    let workspace = Workspace::find();
    run(cargo()
        .args(["test", "--locked", "--package", "stagelight-core", "--lib", "--target-dir"])
        // Compiled with other flags, so into another folder.
        .arg(workspace.path("target/model"))
        .args(["--", "model::"])
        .current_dir(workspace.root())
        // loom's threads have small stacks, which unoptimized code exceeds.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        // Replaces core's locks and atomics by loom's.
        .env("RUSTFLAGS", "--cfg stagelight_model"))
}

/// Runs the tests of core and of the span layer with ThreadSanitizer, which fails on data races.
///
/// The standard library is built with it as well, or its locks would be reported as races.
pub(crate) fn sanitize() -> Result<()> {
    nightly::require(Some("rust-src"))?;
    let workspace = Workspace::find();
    run(nightly::command("cargo")
        .args(["test", "--locked", "-Zbuild-std", "--target", SANITIZER_TARGET])
        .args(["--lib", "--tests", "--package", "stagelight-core"])
        .args(["--package", "stagelight-tracing", "--target-dir"])
        .arg(workspace.path("target/sanitize"))
        .current_dir(workspace.root())
        .env("RUSTFLAGS", "-Zsanitizer=thread"))
}

/// Builds the soak test in release mode and runs it with these arguments.
pub(crate) fn soak(arguments: &[String]) -> Result<()> {
    run(cargo()
        .args(["run", "--release", "--locked", "--quiet", "--package", "soak", "--"])
        .args(arguments)
        .current_dir(Workspace::find().root()))
}

/// Draws `grafana/pictures/`.
///
/// A stack runs for seven minutes under a mixed load. Prometheus' responses are saved in
/// `tools/pictures/data.json`, from which `again` draws without a stack.
pub(crate) fn pictures(again: bool) -> Result<()> {
    let workspace = Workspace::find();
    let folder = workspace.path("tools/pictures");
    let data = folder.join("data.json");
    if again {
        ensure!(data.exists(), "{} is missing: draw once without --again", data.display());
    } else {
        run(cargo()
            .args(["test", "--package", "e2e", "--", "--exact", PICTURES_TEST, "--ignored"])
            .current_dir(workspace.root())
            .env(PICTURES_FILE, &data))?;
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))
        .context("drawing needs Node 20 or newer, with npm")?;
    run(Command::new("node")
        .arg("draw.mjs")
        .arg(&data)
        .arg(workspace.path("grafana/pictures"))
        .current_dir(&folder))
}
