//! Does Grafana's data source return the service's series, and are the dashboards installed?

use super::outcomes::{Outcomes, number};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    http::ProbeError,
    observations::{DataSource, GrafanaObservations, Observations},
};

/// Grafana's default for a data source's scrape interval, in seconds.
const DEFAULT_INTERVAL: f64 = 15.0;
const SET_TOKEN: &str = "set STAGELIGHT_DOCTOR_GRAFANA_TOKEN (or …_TOKEN_FILE) to a service \
     account's token with the role Admin, which may read data sources";

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let grafana = &observations.grafana;
    let outcome = if let Some(reason) = grafana.absence("--grafana") {
        Outcome::Skipped(reason)
    } else if let Some(error) = grafana.failure() {
        Outcome::broken(Finding::new(
            format!("{}: {error}", grafana.url),
            "Grafana is not running, or serves at another address or path",
            "start Grafana, or give its address with --grafana",
        ))
    } else if let Some(grafana) = grafana.value() {
        installed(observations, grafana, outcomes)
    } else {
        return;
    };
    outcomes.put(Check::Grafana, outcome);
}

fn installed(
    observations: &Observations,
    grafana: &GrafanaObservations,
    outcomes: &mut Outcomes,
) -> Outcome {
    let url = &observations.grafana.url;
    let sources = match &grafana.sources {
        Ok(sources) => sources,
        Err(error) if observations.grafana.is_given || grafana.has_credentials => {
            return Outcome::broken(Finding::new(
                format!("{url}: data sources cannot be read: {error}"),
                if grafana.has_credentials {
                    "the token is wrong, or its role may not read data sources"
                } else {
                    "Grafana requires a token for data sources"
                },
                SET_TOKEN,
            ));
        }
        Err(_) => {
            return Outcome::Skipped(format!("Grafana responds at {url}; {SET_TOKEN}"));
        }
    };
    if sources.is_empty() {
        return Outcome::broken(Finding::new(
            "Grafana has no data source of type prometheus",
            "dashboards cannot query Prometheus",
            "copy grafana/provisioning to /etc/grafana/provisioning, set the variables of \
             grafana/provisioning.env, and restart Grafana",
        ));
    }
    // One data source with the series is enough; others may serve other purposes.
    let working = sources.iter().find(|it| it.series.as_ref().is_ok_and(|it| 0.0 < *it));
    let Some(source) = working else {
        return match outcomes.blocker(Check::Prometheus) {
            Some(cause) => Outcome::Blocked(cause),
            None => Outcome::Broken(
                sources.iter().map(|it| without_series(it, &observations.prometheus.url)).collect(),
            ),
        };
    };
    notes(source, grafana, outcomes);
    Outcome::from_findings(interval(source, observations).into_iter().collect(), || {
        let series = source.series.as_ref().map_or(0.0, |it| *it);
        format!(
            "Grafana {}; data source {} returns {} series; {} dashboards",
            grafana.version,
            source.name,
            number(series),
            grafana.dashboards.len()
        )
    })
}

/// Describes why a data source has no series; `prometheus` is the address from here.
fn without_series(source: &DataSource, prometheus: &str) -> Finding {
    let DataSource { name, url, error, series, .. } = source;
    let fix = format!(
        "set the data source's URL to Prometheus' address as seen from Grafana's server; from here \
         it is {prometheus}"
    );
    let unreachable = "Grafana's server cannot reach Prometheus at this address";
    if let Some(error) = error {
        let seen = format!("data source {name} ({url}) fails its health check: {error}");
        return Finding::new(seen, unreachable, fix);
    }
    match series {
        Err(error) if error.is_access_denied() => Finding::new(
            format!("data source {name} cannot be queried: {error}"),
            "the token's role may not query data sources",
            SET_TOKEN,
        ),
        Err(ProbeError::Status { code, message }) => Finding::new(
            format!("data source {name} ({url}) returns HTTP status {code}: {message}"),
            "the server at its URL is not Prometheus",
            fix,
        ),
        Err(error) => {
            Finding::new(format!("data source {name} ({url}): {error}"), unreachable, fix)
        }
        Ok(_) => Finding::new(
            format!("data source {name} ({url}) has none of stagelight's series"),
            "it uses another Prometheus",
            fix,
        ),
    }
}

/// Finds a scrape interval setting below the actual sample interval.
fn interval(source: &DataSource, observations: &Observations) -> Option<Finding> {
    let actual = observations.prometheus.value()?.jobs.first()?.interval?;
    let configured = if source.interval.is_empty() {
        DEFAULT_INTERVAL
    } else {
        humantime::parse_duration(&source.interval).ok()?.as_secs_f64()
    };
    // A second of tolerance for the duration of an export.
    (configured + 1.0 < actual).then(|| {
        let (configured, actual) = (number(configured), number(actual.round()));
        Finding::new(
            format!(
                "data source {} assumes a sample every {configured} s, but the interval is \
                 {actual} s",
                source.name
            ),
            "`$__rate_interval` is too short for two samples, so zoomed-in panels are empty",
            format!(
                "set `jsonData: {{timeInterval: {actual}s}}` of the data source, or \
                 OTEL_METRIC_EXPORT_INTERVAL={configured}000 in the service's environment"
            ),
        )
    })
}

fn notes(source: &DataSource, grafana: &GrafanaObservations, outcomes: &mut Outcomes) {
    if !source.exemplar_labels.iter().any(|it| it == "trace_id") {
        let note = format!(
            "data source {}: exemplars do not link to traces; add `trace_id` to its \
             `exemplarTraceIdDestinations`",
            source.name
        );
        outcomes.note(Check::Grafana, note);
    }
    if grafana.dashboards.is_empty() {
        outcomes.note(
            Check::Grafana,
            "no dashboard is tagged `stagelight`; import grafana/dashboards, or copy \
             grafana/provisioning",
        );
    }
}
