//! Does the service measure, and show it?

use super::{Outcomes, number};
use crate::doctor::{
    aliases,
    check::Check,
    finding::{Finding, Outcome},
    http::ProbeError,
    observations::{Observations, ScrapePair},
    page::Page,
};

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let place = &observations.service;
    let verdict = if let Some(reason) = place.absence("--service") {
        Outcome::Skipped(reason)
    } else if let Some(error) = place.failure() {
        Outcome::broken(unanswered(&place.url, error))
    } else if let Some(pair) = place.value() {
        notes(pair, outcomes);
        measured(&place.url, &pair.second)
    } else {
        return;
    };
    outcomes.put(Check::Service, verdict);
}

fn unanswered(url: &str, error: &ProbeError) -> Finding {
    let (why, fix) = match error {
        ProbeError::Status { code: 404, .. } => (
            "the server there has no metrics page at this path",
            "give the page's address with --service, or add it to the service: \
             `telemetry.serve_metrics(address)`",
        ),
        error if error.is_access_denied() => (
            "the page is behind authentication",
            "set STAGELIGHT_DOCTOR_SERVICE_TOKEN or STAGELIGHT_DOCTOR_SERVICE_BASIC",
        ),
        ProbeError::UnexpectedBody(_) => (
            "what answers is another program, or another page of the service",
            "give the address of the service's /metrics with --service",
        ),
        _ => (
            "the service is not running, or its metrics page is elsewhere",
            "start the service, or give the page's address with --service",
        ),
    };
    Finding::new(format!("{url}: {error}"), why, fix).with_runbook("ServiceDown")
}

fn measured(url: &str, page: &Page) -> Outcome {
    let families = families(page);
    let requests = requests(page);
    if 0.0 < requests {
        let requests = number(requests);
        return Outcome::Ok(format!("{url}: {requests} requests measured, {families} metrics"));
    }
    let seen = format!("{url}: no request has been measured");
    if families == 0 && !page.samples().is_empty() {
        return Outcome::broken(Finding::new(
            format!("{url}: {} samples, none of stagelight's", page.samples().len()),
            "the page is another program's, or another exporter's",
            "give the address of the service's /metrics with --service",
        ));
    }
    Outcome::broken(Finding::new(
        seen,
        "no request has come to its end since the service was started, or its routes are outside of the layer that measures",
        "send a request; if nothing changes, put `.layer(telemetry.http_layer())` after the routes that it is to measure",
    ))
}

/// Tells what the service could not measure or keep.
fn notes(pair: &ScrapePair, outcomes: &mut Outcomes) {
    for it in pair.second.named("stagelight_dropped_total").filter(|it| 0.0 < it.value) {
        let (reason, count) = (it.label("reason"), number(it.value));
        outcomes.note(Check::Service, format!("{count} measurements were dropped: {reason}"));
    }
    let processed = pair.second.named("otel_sdk_processor_span_processed_total");
    for it in processed.filter(|it| !it.label("error_type").is_empty() && 0.0 < it.value) {
        let (reason, count) = (it.label("error_type"), number(it.value));
        outcomes.note(Check::Service, format!("{count} spans were dropped: {reason}"));
    }
}

/// Returns how many requests a page shows.
pub(super) fn requests(page: &Page) -> f64 {
    page.sum("request_duration_seconds_count").unwrap_or(0.0)
}

fn families(page: &Page) -> usize {
    let strategy = aliases::Strategy::UnderscoreEscapingWithSuffixes;
    aliases::all()
        .filter(|(_, it)| page.named(&aliases::series_name(it, strategy)).next().is_some())
        .count()
}
