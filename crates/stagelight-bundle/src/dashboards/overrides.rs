//! Overrides: settings of one query or one table column.

use serde_json::{Value, json};

use super::{
    steps::{self, Alerts, Step},
    unit::Unit,
};

/// Settings that differ from the panel's for one query or column.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    matcher: &'static str,
    name: &'static str,
    properties: Vec<(&'static str, Value)>,
}

// === impl Override ===

impl Override {
    /// Overrides the values of a query, by its letter.
    pub(crate) fn for_query(letter: &'static str) -> Self {
        Self { matcher: "byFrameRefID", name: letter, properties: Vec::new() }
    }

    /// Overrides a column, by its displayed title.
    pub(crate) fn for_column(title: &'static str) -> Self {
        Self { matcher: "byName", name: title, properties: Vec::new() }
    }

    /// Changes colour at the thresholds of these alerts.
    pub(crate) fn alerts(self, alerts: Alerts) -> Self {
        self.steps(&steps::for_alerts(alerts))
    }

    /// Turns orange from `warning` on, red from `critical` on.
    pub(crate) fn limits(self, warning: f64, critical: f64) -> Self {
        self.steps(&steps::rising(warning, critical))
    }

    /// Sets the end of the scale.
    pub(crate) fn max(self, max: f64) -> Self {
        self.set("max", max.into())
    }

    /// Sets the unit.
    pub(crate) fn unit(self, unit: Unit) -> Self {
        self.set("unit", unit.id().into())
    }

    /// Draws in red.
    pub(crate) fn red(self) -> Self {
        self.set("color", json!({"mode": "fixed", "fixedColor": "red"}))
    }

    /// Draws dashed lines.
    pub(crate) fn dashed(self) -> Self {
        self.set("custom.lineStyle", json!({"fill": "dash", "dash": [8, 8]}))
    }

    /// Colours a table's cells by their steps.
    pub(crate) fn colored(self) -> Self {
        self.set("custom.cellOptions", json!({"type": "color-text"}))
    }

    pub(super) fn to_json(&self) -> Value {
        let properties: Vec<_> =
            self.properties.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({
            "matcher": {"id": self.matcher, "options": self.name},
            "properties": properties,
        })
    }

    fn steps(self, steps: &[Step]) -> Self {
        self.set("thresholds", steps::to_json(steps))
    }

    fn set(mut self, id: &'static str, value: Value) -> Self {
        self.properties.push((id, value));
        self
    }
}
