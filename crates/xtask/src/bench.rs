//! The comparison of costs in `bench/`, a workspace of its own.

use std::process::Command;

use anyhow::Result;
use testbed::Workspace;
use testbed::command::{cargo, progress, run as run_command};

/// Builds the comparison and runs it with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    // All programs: the one that measures starts the one that counts allocations.
    run_command(&mut bench("build", &["--release"]))?;
    let program = ["--release", "--quiet", "--bin", "stagelight-bench", "--"];
    run_command(bench("run", &program).args(arguments))
}

/// Compiles stagelight's own sides and checks the ceilings of their instructions with valgrind.
///
/// Compiling the other projects takes minutes, and they do not break with changes here.
pub(crate) fn check() -> Result<()> {
    let ours = ["--release", "--no-default-features"];
    run_command(bench("clippy", &ours).args(["--", "-Dwarnings"]))?;
    if Command::new("valgrind").arg("--version").output().is_err() {
        progress("instructions are NOT counted: valgrind is not installed");
        return Ok(());
    }
    let program = ["--quiet", "--bin", "stagelight-bench", "--", "ceilings"];
    run_command(bench("run", &ours).args(program))
}

fn bench(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = cargo();
    cargo
        .args([command, "--locked", "--manifest-path", "bench/Cargo.toml"])
        .args(arguments)
        .current_dir(Workspace::find().root());
    cargo
}
