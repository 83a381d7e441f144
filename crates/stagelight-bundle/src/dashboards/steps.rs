//! Colours by value.

use super::limits::{self, Alerts};
use crate::thresholds::Severity;
use serde_json::{Value, json};

/// From which value on a colour holds; the first step has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) from: Option<f64>,
    pub(crate) color: &'static str,
}

pub(super) fn steps(warning: f64, critical: f64) -> Vec<Step> {
    vec![
        Step { from: None, color: "green" },
        Step { from: Some(warning), color: "orange" },
        Step { from: Some(critical), color: "red" },
    ]
}

pub(super) fn steps_of(alerts: Alerts) -> Vec<Step> {
    let step = |(from, severity): &(f64, Severity)| Step {
        from: Some(*from),
        color: if *severity == Severity::Critical { "red" } else { "orange" },
    };
    let first = Step { from: None, color: "green" };
    std::iter::once(first).chain(limits::of(alerts).iter().map(step)).collect()
}

pub(super) fn thresholds(steps: &[Step]) -> Value {
    let steps: Vec<_> =
        steps.iter().map(|it| json!({"color": it.color, "value": it.from})).collect();
    json!({"mode": "absolute", "steps": steps})
}
