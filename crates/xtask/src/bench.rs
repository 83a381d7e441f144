//! What stagelight costs, beside others.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::terminal::progress;
use crate::workspace::Workspace;

const MANIFEST: &str = "bench/Cargo.toml";

/// Builds the package of comparisons, which is no member of the workspace, and runs it.
///
/// It prints its figures on standard output. `arguments` are its own.
///
/// # Errors
///
/// If it does not compile, or a side of the comparison fails.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let package = ["--release", "--locked", "--manifest-path", MANIFEST];
    // All its programs: the one that measures starts the one that counts allocations.
    run(cargo().arg("build").args(package).current_dir(workspace.root()))?;
    let program = ["--quiet", "--bin", "stagelight-bench", "--"];
    run(cargo()
        .arg("run")
        .args(package)
        .args(program)
        .args(arguments)
        .current_dir(workspace.root()))
}

/// Compiles our own sides of the comparison, and counts their instructions where there is a program that can.
///
/// The other projects' sides take minutes, and break when they do, not when we do.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let ours = ["--locked", "--no-default-features", "--manifest-path", MANIFEST];
    let cargo = |command: &str| {
        let mut cargo = cargo();
        cargo.arg(command).args(ours).current_dir(workspace.root());
        cargo
    };
    run(cargo("clippy").args(["--", "-Dwarnings"]))?;
    if Command::new("valgrind").arg("--version").output().is_err() {
        progress(format_args!("instructions are NOT counted: valgrind is not installed"));
        return Ok(());
    }
    run(cargo("run").args(["--quiet", "--release", "--bin", "stagelight-bench", "--", "ceilings"]))
}
