//! Tests under a tool that sees what threads do to each other.

use anyhow::Result;

use crate::command::run;
use crate::nightly;
use crate::workspace::Workspace;

/// The only one whose standard library can be built with a sanitizer everywhere that this is run.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Runs the tests of core and of the span layer with ThreadSanitizer: a data race fails them.
///
/// The standard library is built with it, too, or its locks would look like races.
///
/// # Errors
///
/// If there is no nightly compiler with its sources, or a test fails.
pub fn sanitize(workspace: &Workspace) -> Result<()> {
    nightly::require(Some("rust-src"))?;
    run(nightly::command("cargo")
        .args(["test", "--locked", "-Zbuild-std", "--target", TARGET, "--lib", "--tests"])
        .args(["--package", "stagelight-core", "--package", "stagelight-tracing"])
        .arg("--target-dir")
        .arg(workspace.path("target/sanitize"))
        .current_dir(workspace.root())
        .env("RUSTFLAGS", "-Zsanitizer=thread"))
}
