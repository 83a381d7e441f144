//! The report of a run.

use std::fmt;

use serde::Serialize;

use crate::{
    check::{self, Check},
    memory::Growth,
    run::RunResult,
    shape::Observation,
};

/// The figures of a run and the results of the checks.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    /// Requests sent.
    pub(crate) requests: u64,
    /// Requests that the server rejected before the service got them.
    pub(crate) rejected: u64,
    /// Requests cancelled before the client could know whether the service had them.
    pub(crate) cancelled_early: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) unexpected: u64,
    pub(crate) series: usize,
    pub(crate) spans_received: u64,
    pub(crate) memory: Option<Growth>,
    pub(crate) dropped: Vec<(String, f64)>,
    pub(crate) observed: Vec<Row>,
    pub(crate) checks: Vec<Check>,
    pub(crate) passed: bool,
}

/// The number of one observation for one kind of request.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    kind: &'static str,
    observed: String,
    count: u64,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(seed: u64, result: &RunResult) -> Self {
        let checks = check::all(result);
        let requests = result.counts.count(|_, _| true);
        let dropped = result.scrape.of("stagelight_dropped_total");
        let rows = result.counts.rows().map(|(shape, observation, count)| Row {
            kind: shape.name,
            observed: format!("{observation:?}"),
            count,
        });
        Self {
            seed,
            seconds: result.duration.as_secs_f64(),
            requests,
            rejected: result
                .counts
                .count(|_, it| matches!(it, Observation::Rejected(_) | Observation::NoResponse)),
            cancelled_early: result.counts.count(|_, it| it == Observation::CancelledEarly),
            requests_per_second: requests as f64 / result.duration.as_secs_f64(),
            unexpected: result.counts.unexpected_count(),
            series: check::series(&result.scrape).values().sum(),
            spans_received: result.sink.span_count(),
            memory: result.growth,
            dropped: dropped.map(|it| (it.label("reason").to_owned(), it.value)).collect(),
            observed: rows.collect(),
            passed: checks.iter().all(|it| it.passed),
            checks,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:<14} {:>10}", "request", "observation", "count")?;
        for Row { kind, observed, count } in &self.observed {
            writeln!(f, "{kind:<40} {observed:<14} {count:>10}")?;
        }
        writeln!(f, "\n{:<64} {:>16} {:>12}", "check", "expected", "found")?;
        for check in &self.checks {
            let mark = if check.passed { "" } else { "  <-- FAILED" };
            let Check { name, expected, found, .. } = check;
            writeln!(f, "{name:<64} {expected:>16} {found:>12}{mark}")?;
        }
        writeln!(
            f,
            "\n{} requests in {:.0} s ({:.0} per second), {} rejected by the server, {} cancelled \
             early; seed {}",
            self.requests,
            self.seconds,
            self.requests_per_second,
            self.rejected,
            self.cancelled_early,
            self.seed
        )?;
        if let Some(memory) = &self.memory {
            writeln!(
                f,
                "memory: {:.1} MiB first, {:.1} MiB last, {:.1} MiB at most, {:+.0} KiB per minute",
                memory.first_kib / 1024.0,
                memory.last_kib / 1024.0,
                memory.most_kib / 1024.0,
                memory.kib_per_minute
            )?;
        }
        for (reason, count) in &self.dropped {
            writeln!(f, "dropped, {reason}: {count}")?;
        }
        write!(f, "{} series, {} spans received", self.series, self.spans_received)
    }
}
