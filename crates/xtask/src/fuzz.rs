//! Fuzzing with libFuzzer.

use std::fs;

use anyhow::{Context as _, Result};
use testbed::Workspace;
use testbed::command::{progress, run as run_command};

use crate::{nightly, tools};

/// A folder of inputs for each target.
const CORPUS: &str = "fuzz/corpus";
/// The package that links the targets with libFuzzer.
const PACKAGE: &str = "fuzz/libfuzzer";
/// The limits in CI. A number of runs and a seed rather than a time, so that results repeat.
const SHORT: [&str; 2] = ["-runs=10000", "-seed=1"];

/// Fuzzes each target for an equal part of the time.
///
/// New inputs are kept in `target/fuzz` for the next run, failing ones in
/// `fuzz/libfuzzer/artifacts`.
pub(crate) fn run(minutes: f64) -> Result<()> {
    nightly::require(None)?;
    let targets = targets()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of seconds is small and positive"
    )]
    let seconds = (minutes * 60.0 / targets.len() as f64).ceil() as u64;
    fuzz_each(&targets, "corpus", &[&format!("-max_total_time={}", seconds.max(1))])
}

/// Fuzzes briefly if there is a nightly compiler. The tests replay the corpus in any case.
pub(crate) fn check() -> Result<()> {
    if !nightly::is_installed(None) {
        progress("NOT fuzzed: no nightly compiler. The tests have replayed the corpus.");
        return Ok(());
    }
    // Inputs found by earlier runs would change the result.
    let found = Workspace::find().path("target/fuzz/short");
    if found.exists() {
        fs::remove_dir_all(found)?;
    }
    fuzz_each(&targets()?, "short", &SHORT)
}

fn targets() -> Result<Vec<String>> {
    let corpus = Workspace::find().path(CORPUS);
    let folders = fs::read_dir(&corpus).with_context(|| format!("no {}", corpus.display()))?;
    let mut targets = folders
        .map(|it| Ok(it?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    targets.sort();
    Ok(targets)
}

fn fuzz_each(targets: &[String], found: &str, limits: &[&str]) -> Result<()> {
    let program = tools::cargo_fuzz()?;
    let workspace = Workspace::find();
    let folder = workspace.path("target/fuzz");
    for target in targets {
        let found = folder.join(found).join(target);
        fs::create_dir_all(&found)?;
        run_command(
            nightly::command(&program)
                // The targets have no `unsafe` block in which a sanitizer could find more.
                .args(["run", "--fuzz-dir", PACKAGE, "--sanitizer", "none", target])
                .arg(found)
                .arg(workspace.path(CORPUS).join(target))
                .arg("--")
                .args(limits)
                .args(["-timeout=10", "-print_final_stats=1", "-verbosity=1"])
                .current_dir(workspace.root())
                .env("CARGO_TARGET_DIR", &folder),
        )?;
    }
    Ok(())
}
