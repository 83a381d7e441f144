//! `cargo xtask ci`: runs the steps and reports the time of each.
//!
//! All steps that compile the workspace use one profile and one set of features, so that nothing is
//! compiled twice for different flags.

mod steps;
mod prefetch;
mod rules;
mod alertmanager;
mod deploy;
mod dashboards;

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::clock::Stopwatch;
use testbed::command::progress;

use self::prefetch::Prefetch;
use self::steps::{STEPS, Step};

/// The steps to run, and whether a failure ends the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct CiOptions {
    /// Names of steps; empty for all.
    pub(crate) steps: Vec<String>,
    /// Whether to continue after a failed step.
    pub(crate) keep_going: bool,
}

/// The result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// An earlier step failed.
    NotRun,
}

/// The results of all steps. Displayed as a table.
#[derive(Debug, Default)]
struct Report {
    rows: Vec<(&'static str, Outcome)>,
}

/// Returns the names of all steps in order.
pub(crate) fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// Runs the steps; fails with the names of those that failed.
pub(crate) fn run(options: &CiOptions) -> Result<()> {
    let wanted =
        |step: &&Step| options.steps.is_empty() || options.steps.iter().any(|it| it == step.name);
    let _prefetch = options.steps.is_empty().then(Prefetch::start).transpose()?;
    let mut report = Report::default();
    for step in STEPS.iter().filter(wanted) {
        if !options.keep_going && !report.failures().is_empty() {
            report.rows.push((step.name, Outcome::NotRun));
            continue;
        }
        progress(format_args!("\n=== {}: {}", step.name, step.description));
        let watch = Stopwatch::start();
        let outcome = match step.action.run() {
            Ok(()) => Outcome::Passed(watch.elapsed()),
            Err(error) => {
                progress(format_args!("{error:#}"));
                Outcome::Failed(watch.elapsed())
            }
        };
        report.rows.push((step.name, outcome));
    }

    progress(format_args!("\n{report}"));
    let failures = report.failures().join(", ");
    ensure!(failures.is_empty(), "failed: {failures}; `--step NAME` runs one step alone");
    Ok(())
}

// === impl Report ===

impl Report {
    fn failures(&self) -> Vec<&'static str> {
        let is_failure = |it: &&(_, Outcome)| matches!(it.1, Outcome::Failed(_));
        self.rows.iter().filter(is_failure).map(|it| it.0).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut total = Duration::ZERO;
        writeln!(f, "{:<12} {:<8} {:>8}", "step", "result", "seconds")?;
        for (step, outcome) in &self.rows {
            let (result, elapsed) = match *outcome {
                Outcome::Passed(elapsed) => ("ok", elapsed),
                Outcome::Failed(elapsed) => ("FAILED", elapsed),
                Outcome::NotRun => ("not run", Duration::ZERO),
            };
            total += elapsed;
            writeln!(f, "{step:<12} {result:<8} {:>8.1}", elapsed.as_secs_f64())?;
        }
        write!(f, "{:<12} {:<8} {:>8.1}", "total", "", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_shows_failed_steps_and_steps_not_run() {
        let mut report = Report::default();
        report.rows.push(("fmt", Outcome::Passed(Duration::from_millis(640))));
        report.rows.push(("clippy", Outcome::Failed(Duration::from_secs(75))));
        report.rows.push(("test", Outcome::NotRun));

        assert_eq!(report.failures(), ["clippy"]);
        expect_test::expect![[r"
            step         result    seconds
            fmt          ok            0.6
            clippy       FAILED       75.0
            test         not run       0.0
            total                     75.6"]]
        .assert_eq(&report.to_string());
    }
}
