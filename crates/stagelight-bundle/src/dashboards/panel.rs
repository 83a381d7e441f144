//! A panel: queries, unit, colours, links, description.

use serde_json::{Value, json};

use super::{
    link::Link,
    overrides::Override,
    steps::{self, Alerts, Step},
    unit::Unit,
    view::{self, View},
};

/// The oldest supported Grafana; newer ones migrate panels from there.
const PLUGIN_VERSION: &str = "12.0.0";

/// The event rate, per second, above which a line counts as non-zero.
const ABOVE_ZERO: f64 = 0.001;

/// A panel of a dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) width: u8,
    pub(crate) height: u8,
    title: String,
    description: String,
    view: View,
    unit: Unit,
    no_value: &'static str,
    steps: Vec<Step>,
    min: Option<f64>,
    max: Option<f64>,
    targets: Vec<Target>,
    links: Vec<Link>,
    alerts: Alerts,
    overrides: Vec<Override>,
    columns: Vec<(&'static str, &'static str)>,
    sorted_by: Option<&'static str>,
}

/// A query of a panel.
#[derive(Clone, Debug)]
struct Target {
    query: String,
    legend: String,
    has_exemplars: bool,
}

// === impl Panel ===

impl Panel {
    /// Creates a panel without queries, 12 wide and 8 high. `no_value` is the text of an empty
    /// panel and says why it may be empty.
    pub(crate) fn new(view: View, title: &str, unit: Unit, no_value: &'static str) -> Self {
        Self {
            width: 12,
            height: 8,
            title: title.to_owned(),
            description: String::new(),
            view,
            unit,
            no_value,
            steps: steps::green(),
            min: Some(0.0),
            max: None,
            targets: Vec::new(),
            links: Vec::new(),
            alerts: &[],
            overrides: Vec::new(),
            columns: Vec::new(),
            sorted_by: None,
        }
    }

    /// Sets the description: what the panel shows, what is normal, what to do otherwise.
    pub(crate) fn description(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Sets the size in the grid, which is 24 wide.
    pub(crate) fn size(mut self, width: u8, height: u8) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Adds a query. Heatmaps show exemplars.
    pub(crate) fn query(mut self, query: impl Into<String>, legend: &str) -> Self {
        let has_exemplars = self.view == View::Heatmap;
        self.targets.push(Target { query: query.into(), legend: legend.to_owned(), has_exemplars });
        self
    }

    /// Adds a query whose exemplars are shown, except where only the last value is.
    pub(crate) fn query_with_exemplars(self, query: String, legend: &str) -> Self {
        let mut panel = self.query(query, legend);
        if let Some(target) = panel.targets.last_mut() {
            target.has_exemplars = !panel.view.is_instant();
        }
        panel
    }

    /// Changes colour at the thresholds of these alerts, and links to their runbooks.
    pub(crate) fn alerts(mut self, alerts: Alerts) -> Self {
        self.steps = steps::for_alerts(alerts);
        self.alerts = alerts;
        self
    }

    /// Turns red above zero, and links to the runbooks of these alerts.
    pub(crate) fn alerts_above_zero(mut self, alerts: Alerts) -> Self {
        self.alerts = alerts;
        self.red_above_zero()
    }

    /// Turns red above zero.
    pub(crate) fn red_above_zero(self) -> Self {
        self.red_from(ABOVE_ZERO)
    }

    /// Turns red from this value on.
    pub(crate) fn red_from(mut self, value: f64) -> Self {
        self.steps.push(Step::new(value, "red"));
        self
    }

    /// Turns yellow from this value on, below the first alert.
    pub(crate) fn yellow_from(mut self, value: f64) -> Self {
        self.steps.insert(1, Step::new(value, "yellow"));
        self
    }

    /// Turns orange from `warning` on, red from `critical` on.
    pub(crate) fn limits(mut self, warning: f64, critical: f64) -> Self {
        self.steps = steps::rising(warning, critical);
        self
    }

    /// Turns red below `critical`, orange below `warning`.
    pub(crate) fn lower_limits(mut self, critical: f64, warning: f64) -> Self {
        self.steps = steps::falling(critical, warning);
        self
    }

    /// Sets the end of the scale.
    pub(crate) fn max(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// Allows negative values.
    pub(crate) fn signed(mut self) -> Self {
        self.min = None;
        self
    }

    /// Adds a link to each value.
    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// Sets a table's columns (field, title). Other fields are hidden.
    pub(crate) fn columns(mut self, columns: &[(&'static str, &'static str)]) -> Self {
        self.columns = columns.to_vec();
        self
    }

    /// Sorts a table by the column of this title, largest first.
    pub(crate) fn sorted_by(mut self, title: &'static str) -> Self {
        self.sorted_by = Some(title);
        self
    }

    /// Adds settings for one query or column.
    pub(crate) fn with_override(mut self, it: Override) -> Self {
        self.overrides.push(it);
        self
    }

    /// Returns the panel as Grafana reads it.
    pub(crate) fn to_json(&self, id: u32, x: u8, y: u32) -> Value {
        let overrides: Vec<_> = self.overrides.iter().map(Override::to_json).collect();
        let mut panel = json!({
            "id": id,
            "pluginVersion": PLUGIN_VERSION,
            "type": self.view.kind(),
            "title": self.title,
            "description": self.description,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self.defaults(), "overrides": overrides},
            "links": self.alerts.iter().map(|it| Link::runbook(it).of_panel()).collect::<Vec<_>>(),
            "options": self.view.options(self.unit, self.sorted_by),
            "targets": self.targets(),
        });
        if self.view == View::Table {
            panel["transformations"] = view::transformations(&self.columns);
        }
        panel
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({
            "unit": self.unit.id(),
            "noValue": self.no_value,
            "color": {"mode": self.view.color_mode()},
            "thresholds": steps::to_json(&self.steps),
            "custom": self.view.custom(1 < self.steps.len()),
            "links": self.links.iter().map(Link::to_json).collect::<Vec<_>>(),
        });
        for (name, value) in [("min", self.min), ("max", self.max)] {
            if let Some(value) = value {
                defaults[name] = value.into();
            }
        }
        defaults
    }

    fn targets(&self) -> Vec<Value> {
        let is_instant = self.view.is_instant();
        let target = |(it, id): (&Target, char)| {
            json!({
                "refId": id.to_string(),
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "editorMode": "code",
                "expr": it.query,
                "legendFormat": it.legend,
                "format": self.view.format(),
                "instant": is_instant,
                "range": !is_instant,
                "exemplar": it.has_exemplars,
            })
        };
        self.targets.iter().zip('A'..='Z').map(target).collect()
    }
}
