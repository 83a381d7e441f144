//! Texts, alerts, links and panels that several dashboards share.

use stagelight_core::catalog::labels;

use super::{
    link::Link, panel::Panel, query::Series, series, steps::Alerts, unit::Unit, view::View,
};

pub(super) const NO_REQUEST: &str = "No requests in this time range";
pub(super) const NO_BACKEND: &str = "No backend requests in this time range";

pub(super) const TTFB_ALERTS: Alerts = &["HighBackendTTFB", "CriticalBackendTTFB"];
pub(super) const STREAMING_ALERTS: Alerts = &["HighStreamingDuration"];
pub(super) const FRONTEND_ALERTS: Alerts = &["HighFrontendProcessing"];
pub(super) const LATENCY_ALERTS: Alerts = &["HighRequestLatency", "CriticalRequestLatency"];
pub(super) const ERROR_ALERTS: Alerts = &["HighErrorRate", "CriticalErrorRate"];
pub(super) const BACKEND_ERROR_ALERTS: Alerts =
    &["HighBackendErrorRate", "CriticalBackendErrorRate"];
pub(super) const CPU_ALERTS: Alerts = &["HighCpu", "CriticalCpu"];
pub(super) const QUEUE_ALERTS: Alerts = &["CollectorQueueFilling", "CollectorQueueFull"];

/// The description of a distribution.
const CLICK_A_DOT: &str = "Each dot is a sampled request; click it to open its trace.";

pub(super) fn endpoint_traces() -> Link {
    Link::spans("Traces of this endpoint", &[("http.route", "${__field.labels.endpoint}")])
}

/// The same for the rows of a table with the column "Endpoint".
pub(super) fn endpoint_traces_of_row() -> Link {
    Link::spans("Traces of this endpoint", &[("http.route", "${__data.fields.Endpoint}")])
}

pub(super) fn stage_traces() -> Link {
    Link::spans("Traces with this stage", &[("stage", "${__field.labels.stage}")])
}

/// The same for the rows of a table with the column "Stage".
pub(super) fn stage_traces_of_row() -> Link {
    Link::spans("Traces with this stage", &[("stage", "${__data.fields.Stage}")])
}

pub(super) fn backend_traces() -> Link {
    backend_spans("${__field.labels.provider}", "${__field.labels.model}")
}

/// The same for the rows of a table with the columns "Provider" and "Model".
pub(super) fn backend_traces_of_row() -> Link {
    backend_spans("${__data.fields.Provider}", "${__data.fields.Model}")
}

fn backend_spans(provider: &str, model: &str) -> Link {
    let attributes = [("stage", "backend_fetch"), ("provider", provider), ("model", model)];
    Link::spans("Traces of this backend", &attributes)
}

/// A heatmap with exemplars.
pub(super) fn heatmap(
    title: &str,
    series: &Series,
    no_value: &'static str,
    description: &str,
) -> Panel {
    Panel::new(View::Heatmap, title, Unit::Seconds, no_value)
        .description(&format!("{description} {CLICK_A_DOT}"))
        .query(series.heatmap(), "{{le}}")
}

pub(super) fn requests_by_endpoint(title: &str) -> Panel {
    Panel::new(View::Stacked, title, Unit::RequestsPerSecond, NO_REQUEST)
        .description("Finished requests of any outcome, by endpoint.")
        .query(series::requests().rate(&[labels::Endpoint::LABEL]), "{{endpoint}}")
}

pub(super) fn requests_by_backend(title: &str) -> Panel {
    Panel::new(View::Stacked, title, Unit::RequestsPerSecond, NO_BACKEND)
        .description("Backend requests, successful or failed, by provider and model.")
        .query(series::ttfb().rate(&series::BACKEND), "{{provider}} {{model}}")
}

pub(super) fn duration_by_endpoint() -> Panel {
    let title = "Request duration by endpoint (p95)";
    Panel::new(View::Lines, title, Unit::Seconds, NO_REQUEST)
        .description("From the start of a request to its last byte.")
        .query_with_exemplars(
            series::requests().quantile(0.95, &[labels::Endpoint::LABEL]),
            "{{endpoint}}",
        )
        .alerts(LATENCY_ALERTS)
        .link(endpoint_traces())
}

pub(super) fn stage_errors(view: View) -> Panel {
    let no_error = "No stage errors in this time range";
    Panel::new(view, "Errors by stage", Unit::PerSecond, no_error)
        .description("Stages that ended with an error, by error type.")
        .query(
            series::stage_errors().rate(&[labels::Stage::LABEL, labels::ErrorType::LABEL]),
            "{{stage}} {{error_type}}",
        )
}

pub(super) fn firing_alerts() -> Panel {
    Panel::new(View::Table, "Firing alerts", Unit::Count, "No alert is firing")
        .description("Alerts that fire now. Each links to its runbook in collector/runbooks.")
        .query(r#"max by (alertname, severity, job, team) (ALERTS{alertstate="firing"})"#, "")
        .columns(&[
            ("alertname", "Alert"),
            ("severity", "Severity"),
            ("job", "Job"),
            ("team", "Team"),
        ])
        .link(Link::runbook("${__data.fields.Alert}"))
}
