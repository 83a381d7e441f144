//! What one query or one column has for itself.

use serde_json::{Value, json};

use super::{
    limits::Alerts,
    steps::{steps, steps_of, thresholds},
    unit::Unit,
};

/// What one query's values, or one column of a table, have for themselves.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    matcher: &'static str,
    of: &'static str,
    properties: Vec<(&'static str, Value)>,
}

// === impl Override ===

impl Override {
    /// Of the values of a query, named by its letter.
    pub(crate) fn of_query(letter: &'static str) -> Self {
        Self { matcher: "byFrameRefID", of: letter, properties: Vec::new() }
    }

    /// Of a column, named as it is shown.
    pub(crate) fn of_column(title: &'static str) -> Self {
        Self { matcher: "byName", of: title, properties: Vec::new() }
    }

    /// Changes colour where these alerts fire.
    pub(crate) fn alerts(self, alerts: Alerts) -> Self {
        self.set("thresholds", thresholds(&steps_of(alerts)))
    }

    /// Warns and alarms from other values on.
    pub(crate) fn limits(self, warning: f64, critical: f64) -> Self {
        self.set("thresholds", thresholds(&steps(warning, critical)))
    }

    /// Ends the scale here.
    pub(crate) fn max(self, max: f64) -> Self {
        self.set("max", max.into())
    }

    /// Measures in another unit.
    pub(crate) fn unit(self, unit: Unit) -> Self {
        self.set("unit", unit.id().into())
    }

    /// Draws in red: what should not be.
    pub(crate) fn red(self) -> Self {
        self.set("color", json!({"mode": "fixed", "fixedColor": "red"}))
    }

    /// Draws dashes: what is not of now.
    pub(crate) fn dashed(self) -> Self {
        self.set("custom.lineStyle", json!({"fill": "dash", "dash": [8, 8]}))
    }

    /// Colours a table's cell by the column's thresholds.
    pub(crate) fn colored(self) -> Self {
        self.set("custom.cellOptions", json!({"type": "color-text"}))
    }

    fn set(mut self, id: &'static str, value: Value) -> Self {
        self.properties.push((id, value));
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let properties: Vec<_> =
            self.properties.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({
            "matcher": {"id": self.matcher, "options": self.of},
            "properties": properties,
        })
    }
}
