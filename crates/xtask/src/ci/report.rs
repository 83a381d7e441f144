//! How long each step took.

use std::fmt;
use std::time::Duration;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// An earlier step failed.
    NotRun,
}

/// Every step's outcome. Displayed as a table.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Outcome)>,
}

// === impl Report ===

impl Report {
    pub(crate) fn add(&mut self, step: &'static str, outcome: Outcome) {
        self.rows.push((step, outcome));
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.failures().is_empty()
    }

    pub(crate) fn failures(&self) -> Vec<&'static str> {
        let failed = |&(step, outcome)| matches!(outcome, Outcome::Failed(_)).then_some(step);
        self.rows.iter().filter_map(failed).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut total = Duration::ZERO;
        writeln!(f, "{:<12} {:<8} {:>8}", "step", "result", "seconds")?;
        for (step, outcome) in &self.rows {
            let (result, took) = match *outcome {
                Outcome::Passed(took) => ("ok", took),
                Outcome::Failed(took) => ("FAILED", took),
                Outcome::NotRun => ("not run", Duration::ZERO),
            };
            total += took;
            writeln!(f, "{step:<12} {result:<8} {:>8.1}", took.as_secs_f64())?;
        }
        write!(f, "{:<12} {:<8} {:>8.1}", "total", "", total.as_secs_f64())
    }
}
