//! What CI runs, as a table.
//!
//! All steps that compile use one profile and one set of features (the whole workspace, every
//! target), so that nothing is compiled twice for different flags.

mod steps;
mod rules;
mod alertmanager;
mod deploy;
mod dashboards;
mod report;

use anyhow::{Result, bail};

use crate::clock::Stopwatch;
use crate::terminal::progress;
use crate::workspace::Workspace;

use self::report::{Outcome, Report};
use self::steps::{STEPS, Step};

/// Which steps to run, and what to do when one fails.
#[derive(Clone, Debug, Default)]
pub struct CiOptions {
    /// Names of the steps to run, in the table's order; all of them when empty.
    pub steps: Vec<String>,
    /// Whether to run the other steps after one has failed. Defaults to not.
    pub keep_going: bool,
}

/// Returns the names of all steps in the order in which they run.
#[must_use]
pub fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// Runs the steps and prints how long each took.
///
/// # Errors
///
/// Names the steps that failed, or a wanted one that does not exist.
pub fn run(options: &CiOptions) -> Result<()> {
    if let Some(unknown) = options.steps.iter().find(|it| !step_names().contains(&it.as_str())) {
        bail!("there is no step {unknown:?}; there are {}", step_names().join(", "));
    }

    let wanted =
        |step: &&Step| options.steps.is_empty() || options.steps.iter().any(|it| it == step.name);
    let workspace = Workspace::find();
    let mut report = Report::default();
    for step in STEPS.iter().filter(wanted) {
        if report.has_failures() && !options.keep_going {
            report.add(step.name, Outcome::NotRun);
            continue;
        }
        progress(format_args!("\n=== {}: {}", step.name, step.what));
        let watch = Stopwatch::start();
        let outcome = match step.action.run(&workspace) {
            Ok(()) => Outcome::Passed(watch.elapsed()),
            Err(error) => {
                progress(format_args!("{error:#}"));
                Outcome::Failed(watch.elapsed())
            }
        };
        report.add(step.name, outcome);
    }

    progress(format_args!("\n{report}"));
    match report.failures() {
        failures if failures.is_empty() => Ok(()),
        failures => {
            bail!("failed: {}; `cargo xtask ci --step NAME` runs one alone", failures.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
