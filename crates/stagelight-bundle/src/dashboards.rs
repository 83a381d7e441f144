//! The Grafana dashboards, one module each, generated from the catalogue's names.
//!
//! Modules in reading order: the JSON format, PromQL, shared parts, dashboards. Later modules use
//! earlier ones, never the reverse.

mod unit;
mod steps;
mod link;
mod overrides;
mod view;
mod panel;
mod query;
mod series;
mod variable;
mod dashboard;
mod common;
mod compare;
mod stage_details;
mod stage_breakdown;
mod host;
mod service_overview;
mod streaming;
mod slo;
mod pipeline_servers;
mod pipeline;

use serde_json::Value;

/// A dashboard's file.
#[derive(Clone, Debug)]
pub struct DashboardFile {
    /// The file name in `grafana/dashboards/`.
    pub name: String,
    /// The dashboard in Grafana's classic format.
    pub json: Value,
}

/// Returns all dashboards.
///
/// ```
/// let files = stagelight_bundle::dashboards::all();
///
/// let streaming = files.iter().find(|it| it.name == "streaming.json").unwrap();
/// assert_eq!(streaming.json["uid"], "stagelight-streaming");
/// ```
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
    /// Returns the file's text: indented JSON, keys sorted, a final newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json)
    }
}
