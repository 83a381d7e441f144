//! Inputs from outside, made up by libFuzzer.

use std::fs;

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::command::run;
use crate::nightly;
use crate::terminal::progress;
use crate::tools::cargo_fuzz;
use crate::workspace::Workspace;

/// Where the targets are, with a folder of inputs for each.
const CORPUS: &str = "tests/fuzz/corpus";
/// The package that links them with libFuzzer.
const PACKAGE: &str = "fuzz";
/// How many inputs CI makes up for each target. A number and a seed, not a time: what passes once passes again.
const SHORT: [&str; 2] = ["-runs=10000", "-seed=1"];

/// Fuzzes each target for an equal part of the time. What it finds new stays in `target/fuzz`, for the next time.
///
/// # Errors
///
/// If there is no nightly compiler, or an input breaks what has to hold: it is in `fuzz/artifacts` then.
pub fn fuzz(workspace: &Workspace, minutes: f64) -> Result<()> {
    nightly::require(None)?;
    let targets = targets(workspace)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds of a person's patience"
    )]
    let seconds = (minutes * 60.0 / targets.len() as f64).ceil() as u64;
    fuzz_each(workspace, &targets, "corpus", &[&format!("-max_total_time={}", seconds.max(1))])
}

/// Fuzzes for a short time, where there is a nightly compiler; the corpus is replayed by the tests in any case.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if !nightly::has(None) {
        progress(format_args!(
            "NOT fuzzed: there is no nightly compiler. The tests have replayed the corpus."
        ));
        return Ok(());
    }
    // Without what was found before, for the same reason.
    let found = workspace.path("target/fuzz/short");
    if found.exists() {
        fs::remove_dir_all(found)?;
    }
    fuzz_each(workspace, &targets(workspace)?, "short", &SHORT)
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let corpus = workspace.path(CORPUS);
    let folders = fs::read_dir(&corpus).with_context(|| format!("no {}", corpus.display()))?;
    let mut targets = folders
        .map(|it| Ok(it?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    targets.sort();
    Ok(targets)
}

fn fuzz_each(
    workspace: &Workspace,
    targets: &[String],
    found: &str,
    limits: &[&str],
) -> Result<()> {
    let program = cargo_fuzz::find_or_build(&Cache::of_user()?)?;
    let folder = workspace.path("target/fuzz");
    for target in targets {
        let found = folder.join(found).join(target);
        fs::create_dir_all(&found)?;
        run(nightly::command(&program)
            // Our code has no unsafe block that a sanitizer could see more in.
            .args(["run", "--fuzz-dir", PACKAGE, "--sanitizer", "none", target])
            .arg(found)
            .arg(workspace.path(CORPUS).join(target))
            .arg("--")
            .args(limits)
            .args(["-timeout=10", "-print_final_stats=1", "-verbosity=1"])
            .current_dir(workspace.root())
            .env("CARGO_TARGET_DIR", &folder))?;
    }
    Ok(())
}
