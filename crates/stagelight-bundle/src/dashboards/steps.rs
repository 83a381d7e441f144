//! Colour steps: the values from which a panel changes colour.

use serde_json::{Value, json};

use crate::thresholds::{self, Severity};

/// Names of alerts on one figure.
pub(crate) type Alerts = &'static [&'static str];

/// A colour and the lowest value it applies to; the first step of a list has no lower bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) from: Option<f64>,
    pub(crate) color: &'static str,
}

const GREEN: Step = Step { from: None, color: "green" };

// === impl Step ===

impl Step {
    pub(crate) fn new(from: f64, color: &'static str) -> Self {
        Self { from: Some(from), color }
    }
}

/// Returns a single green step.
pub(crate) fn green() -> Vec<Step> {
    vec![GREEN]
}

/// Returns orange from `warning` on, red from `critical` on.
pub(crate) fn rising(warning: f64, critical: f64) -> Vec<Step> {
    vec![GREEN, Step::new(warning, "orange"), Step::new(critical, "red")]
}

/// Returns red below `critical`, orange below `warning`.
pub(crate) fn falling(critical: f64, warning: f64) -> Vec<Step> {
    let red = Step { from: None, color: "red" };
    vec![red, Step::new(critical, "orange"), Step::new(warning, "green")]
}

/// Returns the steps at which the alerts fire: red for critical ones, orange for others.
pub(crate) fn for_alerts(alerts: Alerts) -> Vec<Step> {
    let step = |alert: &&str| {
        let threshold = thresholds::for_alert(alert)?;
        let is_critical = threshold.severity == Severity::Critical;
        Some(Step::new(threshold.value, if is_critical { "red" } else { "orange" }))
    };
    let mut steps: Vec<_> = alerts.iter().filter_map(step).collect();
    steps.sort_by(|a, b| a.from.partial_cmp(&b.from).unwrap_or(std::cmp::Ordering::Equal));
    steps.insert(0, GREEN);
    steps
}

/// Returns the highest threshold of the alerts.
pub(crate) fn highest(alerts: Alerts) -> f64 {
    for_alerts(alerts).last().and_then(|it| it.from).unwrap_or(f64::INFINITY)
}

pub(super) fn to_json(steps: &[Step]) -> Value {
    let steps: Vec<_> =
        steps.iter().map(|it| json!({"color": it.color, "value": it.from})).collect();
    json!({"mode": "absolute", "steps": steps})
}
