//! ScrapePair at Prometheus: how it is set up, and what it has of the service.

use super::{
    Timed,
    api::{Api, list, text},
    queries::Queries,
    targets::Targets,
    unix_seconds,
};
use crate::doctor::{
    http::{Credentials, HttpClient, ProbeError},
    observations::{PrometheusObservations, Rule, ScrapePair},
};

/// ScrapePair at Prometheus, with what was read of its own page.
pub(super) async fn collect(
    http: &HttpClient,
    targets: &Targets,
    job: Option<&str>,
    own: Option<ScrapePair>,
) -> Timed<PrometheusObservations> {
    let api = Api { http, place: &targets.prometheus };
    let (build, clock_ahead) = match api.json("/api/v1/status/buildinfo", &[]).await {
        Ok(answer) => answer,
        Err(error) => return (Err(error), None),
    };
    if build["status"] != "success" {
        return (Err(ProbeError::UnexpectedBody("one of Prometheus' API")), clock_ahead);
    }
    let flags = api.data("status/flags", &[]).await.ok();
    let config = api.data("status/config", &[]).await.unwrap_or_default();
    let flag = |name: &str| flags.as_ref().map(|it| text(&it[name]));
    let mut observations = PrometheusObservations {
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
    observations.jobs = queries.jobs().await;
    if observations.jobs.is_empty() {
        observations.last_seen = queries.last_seen().await;
    } else {
        let queries = queries.of(&observations.jobs);
        observations.names = queries.names().await;
        observations.bounds = queries.bounds().await;
        observations.unlabelled = queries.unlabelled().await;
        observations.exemplars = queries.exemplars().await;
        observations.recent_requests = queries.recent_requests().await;
        observations.performance = queries.performance().await;
    }
    (Ok(observations), clock_ahead)
}

/// Returns Prometheus' time, and ours at that moment.
async fn time(api: &Api<'_>) -> Option<(f64, f64)> {
    let before = unix_seconds();
    let answer = api.data("query", &[("query", "time()")]).await.ok()?;
    let ours = f64::midpoint(before, unix_seconds());
    Some((answer["result"][1].as_str()?.parse().ok()?, ours))
}

async fn rules(api: &Api<'_>) -> Vec<Rule> {
    let answer = api.data("rules", &[]).await.unwrap_or_default();
    let groups = list(&answer["groups"]).iter();
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

/// Returns the Alertmanagers that Prometheus tells, each with why it does not answer us.
async fn alertmanagers(http: &HttpClient, api: &Api<'_>) -> Vec<(String, Option<ProbeError>)> {
    let answer = api.data("alertmanagers", &[]).await.unwrap_or_default();
    let mut found = Vec::new();
    for it in list(&answer["activeAlertmanagers"]) {
        let url = text(&it["url"]);
        // The address that alerts are posted to; the server says at another whether it is ready.
        let base = url.split("/api/").next().unwrap_or_default();
        let error = http.get(&format!("{base}/-/ready"), &Credentials::default()).await.err();
        found.push((base.to_owned(), error));
    }
    found
}
