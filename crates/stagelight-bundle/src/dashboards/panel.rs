//! One panel: what it shows, in which unit, and what its reader should know.

use serde_json::{Value, json};

use super::{
    limits::{self, Alerts},
    link::Link,
    overriding::Override,
    steps::{Step, steps, steps_of, thresholds},
    unit::Unit,
    view,
};

/// The oldest Grafana that these panels are written for; newer ones migrate them from there.
const PLUGIN_VERSION: &str = "12.0.0";

/// A panel of a dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) view: View,
    pub(crate) unit: Unit,
    pub(crate) width: u8,
    pub(crate) height: u8,
    pub(crate) no_value: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) max: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) targets: Vec<Target>,
    pub(crate) links: Vec<Link>,
    /// Those that judge what the panel shows.
    pub(crate) alerts: Vec<&'static str>,
    pub(crate) overrides: Vec<Override>,
    pub(crate) columns: Vec<(&'static str, &'static str)>,
    /// The column by which a table is sorted, as it is shown; the largest first.
    pub(crate) sorted_by: Option<&'static str>,
}

/// How a panel draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Lines over time.
    Lines,
    /// Areas over time, one on top of the other.
    Stacked,
    /// How many fell where, over time.
    Heatmap,
    /// One dial a query.
    Gauges,
    /// One number a query.
    Stats,
    /// Rows.
    Table,
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) query: String,
    pub(crate) legend: String,
    /// Whether to ask for the traces behind the values, too.
    pub(crate) exemplars: bool,
    /// Whether only the value at the end of the range is shown.
    pub(crate) instant: bool,
}

// === impl Panel ===

impl Panel {
    /// Makes a panel without queries; `no_value` is shown instead of an empty one, and says why it may be empty.
    pub(crate) fn new(view: View, title: &str, unit: Unit, no_value: &'static str) -> Self {
        Self {
            title: title.to_owned(),
            description: String::new(),
            view,
            unit,
            width: 12,
            height: 8,
            no_value,
            steps: vec![Step { from: None, color: "green" }],
            max: None,
            min: Some(0.0),
            targets: Vec::new(),
            links: Vec::new(),
            alerts: Vec::new(),
            overrides: Vec::new(),
            columns: Vec::new(),
            sorted_by: None,
        }
    }

    /// Says what is shown, what is normal, and what to do about the rest.
    pub(crate) fn about(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Sets the size in the grid, which is 24 wide.
    pub(crate) fn size(mut self, width: u8, height: u8) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Adds a query. Lines and heatmaps get its whole range, all else its value at the end.
    pub(crate) fn query(mut self, query: String, legend: &str) -> Self {
        let instant = matches!(self.view, View::Gauges | View::Stats | View::Table);
        self.targets.push(Target {
            query,
            legend: legend.to_owned(),
            exemplars: self.view == View::Heatmap,
            instant,
        });
        self
    }

    /// Adds a query of a quantile, with the traces behind it.
    pub(crate) fn quantile(self, query: String, legend: &str) -> Self {
        let mut panel = self.query(query, legend);
        if let Some(target) = panel.targets.last_mut() {
            target.exemplars = !target.instant;
        }
        panel
    }

    /// Changes colour where these alerts fire, and links to their runbooks.
    pub(crate) fn alerts(mut self, alerts: Alerts) -> Self {
        self.steps = steps_of(alerts);
        self.alerts = alerts.to_vec();
        self
    }

    /// Alarms from anything more than none on, and links to the runbooks of the alerts that do.
    pub(crate) fn none_because_of(mut self, alerts: Alerts) -> Self {
        self.alerts = alerts.to_vec();
        self.limit(limits::NONE)
    }

    /// Says from where on it is more than it should be, before any alert.
    pub(crate) fn should_be_below(mut self, value: f64) -> Self {
        self.steps.insert(1, Step { from: Some(value), color: "yellow" });
        self
    }

    /// Warns from one value on, and alarms from the other.
    pub(crate) fn limits(mut self, warning: f64, critical: f64) -> Self {
        self.steps = steps(warning, critical);
        self
    }

    /// Alarms from this value on.
    pub(crate) fn limit(mut self, critical: f64) -> Self {
        self.steps.push(Step { from: Some(critical), color: "red" });
        self
    }

    /// Alarms below one value and warns below the other.
    pub(crate) fn floor(mut self, critical: f64, warning: f64) -> Self {
        self.steps = vec![
            Step { from: None, color: "red" },
            Step { from: Some(critical), color: "orange" },
            Step { from: Some(warning), color: "green" },
        ];
        self
    }

    /// Ends the scale here.
    pub(crate) fn max(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// Lets values be negative: they are differences.
    pub(crate) fn signed(mut self) -> Self {
        self.min = None;
        self
    }

    /// Adds a link that each value has.
    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// Names a table's column; those that are not named are not shown.
    pub(crate) fn column(mut self, field: &'static str, title: &'static str) -> Self {
        self.columns.push((field, title));
        self
    }

    /// Sorts a table by a column, named as it is shown: the largest first.
    pub(crate) fn sorted_by(mut self, title: &'static str) -> Self {
        self.sorted_by = Some(title);
        self
    }

    /// Gives one query or column something of its own.
    pub(crate) fn overriding(mut self, it: Override) -> Self {
        self.overrides.push(it);
        self
    }

    /// Writes the panel as Grafana reads it.
    pub(crate) fn to_json(&self, id: u32, x: u8, y: u32) -> Value {
        let mut panel = json!({
            "id": id,
            "pluginVersion": PLUGIN_VERSION,
            "type": view::kind(self.view),
            "title": self.title,
            "description": self.description,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "links": self.alerts.iter().map(|it| Link::runbook(it).of_panel()).collect::<Vec<_>>(),
            "options": view::options(self),
            "targets": self.targets(),
        });
        if self.view == View::Table {
            panel["transformations"] = view::transformations(self);
        }
        panel
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({
            "unit": self.unit.id(),
            "noValue": self.no_value,
            "color": {"mode": view::color_mode(self.view)},
            "thresholds": thresholds(&self.steps),
            "custom": view::custom(self),
            "links": self.links.iter().map(Link::to_json).collect::<Vec<_>>(),
        });
        if let Some(min) = self.min {
            defaults["min"] = min.into();
        }
        if let Some(max) = self.max {
            defaults["max"] = max.into();
        }
        defaults
    }

    fn overrides(&self) -> Vec<Value> {
        self.overrides.iter().map(Override::to_json).collect()
    }

    fn targets(&self) -> Vec<Value> {
        let target = |(it, id): (&Target, char)| {
            let format = match self.view {
                View::Heatmap => "heatmap",
                View::Table => "table",
                View::Lines | View::Stacked | View::Gauges | View::Stats => "time_series",
            };
            json!({
                "refId": id.to_string(),
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "editorMode": "code",
                "expr": it.query,
                "legendFormat": it.legend,
                "format": format,
                "instant": it.instant,
                "range": !it.instant,
                "exemplar": it.exemplars,
            })
        };
        self.targets.iter().zip('A'..='Z').map(target).collect()
    }
}
