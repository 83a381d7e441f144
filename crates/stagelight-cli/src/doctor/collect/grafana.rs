//! Queries Grafana's HTTP API.

use serde_json::Value;

use super::{
    api::{Api, Timed, list, text},
    targets::Targets,
};
use crate::doctor::{
    aliases::{anchor, any_name},
    http::{HttpClient, ProbeError},
    observations::{DataSource, GrafanaObservations},
};

/// Reads the health, and with credentials the data sources and dashboards.
pub(super) async fn collect(http: &HttpClient, targets: &Targets) -> Timed<GrafanaObservations> {
    let api = Api { http, target: &targets.grafana };
    let (health, clock_ahead) = match api.json("/api/health", &[]).await {
        Ok(response) => response,
        Err(error) => return (Err(error), None),
    };
    if health["database"].is_null() {
        return (Err(ProbeError::UnexpectedBody("Grafana's")), clock_ahead);
    }
    let grafana = GrafanaObservations {
        version: text(&health["version"]),
        has_credentials: !targets.grafana.credentials.is_empty(),
        sources: sources(&api).await,
        dashboards: dashboards(&api).await,
    };
    (Ok(grafana), clock_ahead)
}

async fn sources(api: &Api<'_>) -> Result<Vec<DataSource>, ProbeError> {
    let (response, _) = api.json("/api/datasources", &[]).await?;
    let mut sources = Vec::new();
    for it in list(&response).iter().filter(|it| it["type"] == "prometheus") {
        let uid = text(&it["uid"]);
        let settings = &it["jsonData"];
        let destinations = list(&settings["exemplarTraceIdDestinations"]);
        sources.push(DataSource {
            name: text(&it["name"]),
            url: text(&it["url"]),
            interval: text(&settings["timeInterval"]),
            exemplar_labels: destinations.iter().map(|it| text(&it["name"])).collect(),
            error: health_error(api, &uid).await,
            series: series(api, &uid).await,
        });
    }
    Ok(sources)
}

/// Returns the error of Grafana's own health check of a data source.
async fn health_error(api: &Api<'_>, uid: &str) -> Option<String> {
    match api.json(&format!("/api/datasources/uid/{uid}/health"), &[]).await {
        Ok((response, _)) if response["status"] == "OK" => None,
        Ok((response, _)) => Some(text(&response["message"])),
        Err(error) => Some(error.to_string()),
    }
}

/// Returns the number of stagelight's series in a data source.
async fn series(api: &Api<'_>, uid: &str) -> Result<f64, ProbeError> {
    let query = format!("count({{__name__=~\"{}\"}})", any_name(anchor()));
    let path = format!("/api/datasources/proxy/uid/{uid}/api/v1/query");
    let (response, _) = api.json(&path, &[("query", &query)]).await?;
    if response["status"] != "success" {
        return Err(ProbeError::UnexpectedBody("one of Prometheus' API"));
    }
    let value = &response["data"]["result"][0]["value"][1];
    Ok(value.as_str().and_then(|it| it.parse().ok()).unwrap_or(0.0))
}

async fn dashboards(api: &Api<'_>) -> Vec<String> {
    let parameters = [("tag", "stagelight"), ("type", "dash-db")];
    let response = api.json("/api/search", &parameters).await;
    let found = response.map_or(Value::Null, |it| it.0);
    list(&found).iter().map(|it| text(&it["title"])).collect()
}
