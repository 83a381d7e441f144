//! What a run tells.

use std::fmt;

use serde::Serialize;

use crate::{
    check::{self, Check},
    memory::Growth,
    run::Seen,
    shape::Sight,
};

/// All figures of a run, and what has to hold of them.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    /// All that were sent.
    pub(crate) requests: u64,
    /// Those that the server refused before the service got them.
    pub(crate) refused: u64,
    /// Those whose client left before it could know whether the service had them.
    pub(crate) unheard: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) surprises: u64,
    pub(crate) series: usize,
    pub(crate) spans_received: u64,
    pub(crate) memory: Option<Growth>,
    pub(crate) dropped: Vec<(String, f64)>,
    pub(crate) seen: Vec<Row>,
    pub(crate) checks: Vec<Check>,
    pub(crate) holds: bool,
}

/// How often clients saw one thing of one kind of requests.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    kind: &'static str,
    seen: String,
    count: u64,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(seed: u64, seen: &Seen) -> Self {
        let checks = check::all(seen);
        let requests = seen.tally.count(|_, _| true);
        let dropped = seen.scrape.of("stagelight_dropped_total");
        let rows = seen.tally.rows().map(|(shape, sight, count)| Row {
            kind: shape.name,
            seen: format!("{sight:?}"),
            count,
        });
        Self {
            seed,
            seconds: seen.took.as_secs_f64(),
            requests,
            refused: seen.tally.count(|_, it| matches!(it, Sight::Refused(_) | Sight::Lost)),
            unheard: seen.tally.count(|_, it| it == Sight::LeftUnheard),
            requests_per_second: requests as f64 / seen.took.as_secs_f64(),
            surprises: seen.tally.surprised(),
            series: check::series(&seen.scrape).values().sum(),
            spans_received: seen.sink.spans(),
            memory: seen.growth,
            dropped: dropped.map(|it| (it.label("reason").to_owned(), it.value)).collect(),
            seen: rows.collect(),
            holds: checks.iter().all(|it| it.holds),
            checks,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:<14} {:>10}", "what was sent", "what was seen", "requests")?;
        for Row { kind, seen, count } in &self.seen {
            writeln!(f, "{kind:<40} {seen:<14} {count:>10}")?;
        }
        writeln!(f, "\n{:<64} {:>16} {:>12}", "what has to hold", "expected", "found")?;
        for check in &self.checks {
            let mark = if check.holds { "" } else { "  <-- DIFFERS" };
            let Check { what, expected, found, .. } = check;
            writeln!(f, "{what:<64} {expected:>16} {found:>12}{mark}")?;
        }
        writeln!(
            f,
            "\n{} requests in {:.0} s, {:.0} a second, {} of them refused by the server, {} left at once; seed {}",
            self.requests,
            self.seconds,
            self.requests_per_second,
            self.refused,
            self.unheard,
            self.seed
        )?;
        if let Some(memory) = &self.memory {
            writeln!(
                f,
                "memory {:.1} MiB at first, {:.1} MiB at last, {:.1} MiB at most: {:+.0} KiB a minute",
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
