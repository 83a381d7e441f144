//! Upper limits of costs, as ratios of figures of one run.

use serde::Serialize;

use crate::{
    http,
    measure::{Recorded, Served},
    recording,
};

/// A limit and the measured value.
#[derive(Clone, Debug, Serialize)]
pub struct Budget {
    pub what: &'static str,
    pub at_most: f64,
    /// The ratio of the minima.
    pub measured: f64,
    pub is_met: bool,
}

/// Compares the figures with the budgets, except those that were not measured.
#[must_use]
pub fn check(recorded: &[Recorded], served: &[Served]) -> Vec<Budget> {
    let row = |name: &str| recorded.iter().find(|it| it.name == name);
    let one = |name: &str| Some(row(name)?.one_thread.min);
    let ratio = |of: &str, to: &str| Some(one(of)? / one(to)?);
    let flat = |name: &str| {
        let row = row(name)?;
        Some(row.two_threads.min / row.one_thread.min)
    };
    let cpu = |name: &str| Some(served.iter().find(|it| it.name == name)?.cpu.min);
    let added = |name: &str| Some(cpu(name)? - cpu(http::BASE)?);
    let allocations = |name: &str| Some(row(name)?.allocations);
    let rows = [
        (
            "stagelight at 1 % on Registry ÷ Registry with an empty layer",
            1.85,
            ratio("stagelight-plain-1", recording::BASE),
        ),
        (
            "stagelight at 1 % on its registry ÷ Registry with an empty layer",
            1.75,
            ratio("stagelight-1", recording::BASE),
        ),
        ("the same on two threads ÷ on one", 1.10, flat("stagelight-1")),
        (
            "stagelight at 1 % ÷ tracing-opentelemetry at 1 % with SDK histograms",
            0.28,
            ratio("stagelight-1", "otel-1"),
        ),
        ("allocations of an unsampled request", 1.0, allocations("stagelight-0")),
        (
            "added to axum by stagelight, five stages, 1 % ÷ by axum-otel-metrics",
            1.35,
            added("stagelight-1").and_then(|it| Some(it / added(http::YARDSTICK)?)),
        ),
    ];
    let budget = |(what, at_most, measured): (_, f64, Option<f64>)| {
        let measured = measured?;
        Some(Budget { what, at_most, measured, is_met: measured <= at_most })
    };
    rows.into_iter().filter_map(budget).collect()
}
