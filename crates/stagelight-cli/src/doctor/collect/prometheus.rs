//! Queries Prometheus: its setup, and its series of the service.

use super::{
    api::{Api, Timed, list, text, unix_seconds},
    queries::Queries,
    targets::Targets,
};
use crate::doctor::{
    http::{Credentials, HttpClient, ProbeError},
    observations::{PrometheusObservations, Rule, ScrapePair},
};

/// Queries Prometheus; `own` are the scrapes of its own metrics.
pub(super) async fn collect(
    http: &HttpClient,
    targets: &Targets,
    job: Option<&str>,
    own: Option<ScrapePair>,
) -> Timed<PrometheusObservations> {
    let api = Api { http, target: &targets.prometheus };
    let (build, clock_ahead) = match api.json("/api/v1/status/buildinfo", &[]).await {
        Ok(response) => response,
        Err(error) => return (Err(error), None),
    };
    if build["status"] != "success" {
        return (Err(ProbeError::UnexpectedBody("one of Prometheus' API")), clock_ahead);
    }
    let flags = api.data("status/flags", &[]).await.ok();
    let config = api.data("status/config", &[]).await.unwrap_or_default();
    let flag = |name: &str| flags.as_ref().map(|it| text(&it[name]));
    let mut found = PrometheusObservations {
        version: text(&build["data"]["version"]),
        otlp_receiver: flag("web.enable-otlp-receiver").map(|it| it == "true"),
        exemplar_storage: flag("enable-feature")
            .map(|it| it.split(',').any(|it| it == "exemplar-storage")),
        config: text(&config["yaml"]),
        own,
        time: time(&api).await,
        rules: rules(&api).await,
        alertmanagers: alertmanagers(http, &api).await,
        ..PrometheusObservations::default()
    };
    let queries = Queries::new(api, job);
    found.jobs = queries.jobs().await;
    if found.jobs.is_empty() {
        found.last_seen = queries.last_seen().await;
    } else {
        let queries = queries.narrowed_to(&found.jobs);
        found.names = queries.names().await;
        found.bounds = queries.bounds().await;
        found.unlabelled = queries.unlabelled().await;
        found.exemplars = queries.exemplars().await;
        found.recent_requests = queries.recent_requests().await;
        found.performance = queries.performance().await;
    }
    (Ok(found), clock_ahead)
}

/// Returns Prometheus' time and ours at the same moment.
async fn time(api: &Api<'_>) -> Option<(f64, f64)> {
    let before = unix_seconds();
    let response = api.data("query", &[("query", "time()")]).await.ok()?;
    let ours = f64::midpoint(before, unix_seconds());
    Some((response["result"][1].as_str()?.parse().ok()?, ours))
}

async fn rules(api: &Api<'_>) -> Vec<Rule> {
    let response = api.data("rules", &[]).await.unwrap_or_default();
    let groups = list(&response["groups"]).iter();
    let rules = groups.flat_map(|group| list(&group["rules"]).iter().map(move |it| (group, it)));
    rules
        .map(|(group, rule)| Rule {
            name: text(&rule["name"]),
            file: text(&group["file"]),
            is_alert: rule["type"] == "alerting",
            error: (rule["health"] == "err").then(|| text(&rule["lastError"])),
        })
        .collect()
}

/// Returns the active Alertmanagers, each with the error of our own readiness request.
async fn alertmanagers(http: &HttpClient, api: &Api<'_>) -> Vec<(String, Option<ProbeError>)> {
    let response = api.data("alertmanagers", &[]).await.unwrap_or_default();
    let mut found = Vec::new();
    for it in list(&response["activeAlertmanagers"]) {
        // Prometheus returns the URL that alerts are posted to.
        let url = text(&it["url"]);
        let base = url.split("/api/").next().unwrap_or_default();
        let error = http.get(&format!("{base}/-/ready"), &Credentials::default()).await.err();
        found.push((base.to_owned(), error));
    }
    found
}
