//! Does Grafana's data source answer with the service's series, and are the dashboards there?

use super::{Outcomes, number};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    http::ProbeError,
    observations::{DataSource, GrafanaObservations, Observations},
};

/// Grafana's least step if a data source has none, in seconds.
const DEFAULT_STEP: f64 = 15.0;
const TOKEN: &str = "set STAGELIGHT_DOCTOR_GRAFANA_TOKEN (or …_TOKEN_FILE) to a service account's token with the role Admin: \
     only that may see data sources";

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let place = &observations.grafana;
    let verdict = if let Some(reason) = place.absence("--grafana") {
        Outcome::Skipped(reason)
    } else if let Some(error) = place.failure() {
        Outcome::broken(Finding::new(
            format!("{}: {error}", place.url),
            "Grafana is not running, or listens elsewhere or below another path",
            "start it, or give its address with --grafana",
        ))
    } else if let Some(grafana) = place.value() {
        known(observations, grafana, outcomes)
    } else {
        return;
    };
    outcomes.put(Check::Grafana, verdict);
}

fn known(
    observations: &Observations,
    grafana: &GrafanaObservations,
    outcomes: &mut Outcomes,
) -> Outcome {
    let sources = match &grafana.sources {
        Ok(sources) => sources,
        Err(error) if observations.grafana.is_given || grafana.has_credentials => {
            return Outcome::broken(Finding::new(
                format!("{}: data sources cannot be read: {error}", observations.grafana.url),
                if grafana.has_credentials {
                    "the token is wrong, or its role may not see data sources"
                } else {
                    "Grafana tells nobody without a token"
                },
                TOKEN,
            ));
        }
        Err(_) => {
            return Outcome::Skipped(format!(
                "Grafana answers at {}; {TOKEN}",
                observations.grafana.url
            ));
        }
    };
    if sources.is_empty() {
        return Outcome::broken(Finding::new(
            "Grafana has no data source of the type prometheus",
            "dashboards have nobody to ask",
            "copy grafana/provisioning to /etc/grafana/provisioning, set the variables of grafana/provisioning.env, and restart Grafana",
        ));
    }
    // Others may be for other things: one that has the series is enough.
    let working = sources.iter().find(|it| it.series.as_ref().is_ok_and(|it| 0.0 < *it));
    let Some(source) = working else {
        return match outcomes.blocker(Check::Prometheus) {
            Some(cause) => Outcome::Blocked(cause),
            None => {
                Outcome::Broken(sources.iter().map(|it| without_series(it, observations)).collect())
            }
        };
    };
    notes(source, grafana, outcomes);
    Outcome::from_findings(step(source, observations).into_iter().collect(), || {
        let series = source.series.as_ref().map_or(0.0, |it| *it);
        format!(
            "Grafana {}; data source {} answers with {} series; {} dashboards",
            grafana.version,
            source.name,
            number(series),
            grafana.dashboards.len()
        )
    })
}

fn without_series(source: &DataSource, observations: &Observations) -> Finding {
    let DataSource { name, url, error, series, .. } = source;
    let prometheus = &observations.prometheus.url;
    if let Some(error) = error {
        return Finding::new(
            format!("data source {name} ({url}) is not well: {error}"),
            "Grafana's server cannot ask Prometheus at this address, from where it runs",
            format!(
                "set the data source's URL to Prometheus' address as Grafana's server sees it; from here it is {prometheus}"
            ),
        );
    }
    match series {
        Err(error) if error.is_access_denied() => Finding::new(
            format!("data source {name} cannot be asked: {error}"),
            "the token's role may not query data sources",
            TOKEN,
        ),
        Err(ProbeError::Status { code, says }) => Finding::new(
            format!("data source {name} ({url}) answers with HTTP status {code}: {says}"),
            "what listens at its URL is not Prometheus",
            format!(
                "set the data source's URL to Prometheus' address, as {prometheus} is from here"
            ),
        ),
        Err(error) => Finding::new(
            format!("data source {name} ({url}): {error}"),
            "Grafana's server cannot ask Prometheus at this address, from where it runs",
            format!(
                "set the data source's URL to Prometheus' address, as {prometheus} is from here"
            ),
        ),
        Ok(_) => Finding::new(
            format!("data source {name} ({url}) answers, and has none of stagelight's series"),
            "it asks another Prometheus than the one that has them",
            format!(
                "set the data source's URL to the address of this one, which is {prometheus} from here"
            ),
        ),
    }
}

/// Finds a least step that is shorter than the time between samples.
fn step(source: &DataSource, observations: &Observations) -> Option<Finding> {
    let interval = observations.prometheus.value()?.jobs.first()?.interval?;
    let step = if source.interval.is_empty() {
        DEFAULT_STEP
    } else {
        humantime::parse_duration(&source.interval).ok()?.as_secs_f64()
    };
    // A second for what an export takes.
    (step + 1.0 < interval).then(|| {
        let (step, interval) = (number(step), number(interval.round()));
        Finding::new(
            format!("data source {} takes samples to be {step} s apart, and they are {interval} s apart", source.name),
            "`$__rate_interval` is then too short for two samples, and panels stay empty when one zooms in",
            format!("set `jsonData: {{timeInterval: {interval}s}}` of the data source, or OTEL_METRIC_EXPORT_INTERVAL of the \
                     service to {step}000"),
        )
    })
}

fn notes(source: &DataSource, grafana: &GrafanaObservations, outcomes: &mut Outcomes) {
    if !source.exemplar_labels.iter().any(|it| it == "trace_id") {
        outcomes.note(
            Check::Grafana,
            format!(
                "data source {}: exemplars lead nowhere; its `exemplarTraceIdDestinations` has no `trace_id`",
                source.name
            ),
        );
    }
    if grafana.dashboards.is_empty() {
        outcomes.note(
            Check::Grafana,
            "no dashboard has the tag `stagelight`: import those of grafana/dashboards, or copy grafana/provisioning",
        );
    }
}
