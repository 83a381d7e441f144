//! Grafana's dashboards: one file each, all of them made from the catalogue's names.
//!
//! [`all`] makes them; a test holds that `grafana/dashboards/` is what it returns. [`queries`] reads the files back, for whoever runs
//! what they ask.

mod dashboard;
mod panel;
mod overriding;
mod steps;
mod view;
mod query;
mod variable;
mod link;
mod unit;
mod limits;
mod stage_breakdown;
mod stage_details;
mod why_slow;
mod service_overview;
mod streaming;
mod slo;
mod pipeline;
mod pipeline_servers;
mod host;

use serde_json::Value;

/// A dashboard as a file.
#[derive(Clone, Debug)]
pub struct DashboardFile {
    /// Its name in `grafana/dashboards/`.
    pub name: String,
    /// What is in it: Grafana's classic format.
    pub json: Value,
}

/// Returns every dashboard, in the order in which one would look at them.
#[must_use]
pub fn all() -> Vec<DashboardFile> {
    let dashboards = [
        stage_breakdown::dashboard(),
        service_overview::dashboard(),
        streaming::dashboard(),
        slo::dashboard(),
        pipeline::dashboard(),
        host::dashboard(),
    ];
    dashboards.iter().map(|it| DashboardFile { name: it.file(), json: it.to_json() }).collect()
}

// === impl DashboardFile ===

impl DashboardFile {
    /// Writes the file's text: indented, keys in alphabetical order, a line end at its end.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json)
    }
}
