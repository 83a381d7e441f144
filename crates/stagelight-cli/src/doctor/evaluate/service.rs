//! Does the service measure requests, and serve its metrics page?

use super::outcomes::{Outcomes, number};
use crate::doctor::{
    aliases,
    check::{Check, Finding, Outcome},
    http::ProbeError,
    observations::{Observations, ScrapePair},
    page::Page,
};

/// The fix for the address of another page.
const GIVE_ADDRESS: &str = "give the address of the service's /metrics with --service";

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let service = &observations.service;
    let outcome = if let Some(reason) = service.absence("--service") {
        Outcome::Skipped(reason)
    } else if let Some(error) = service.failure() {
        Outcome::broken(no_page(&service.url, error))
    } else if let Some(pair) = service.value() {
        notes(pair, outcomes);
        measured(&service.url, &pair.second)
    } else {
        return;
    };
    outcomes.put(Check::Service, outcome);
}

fn no_page(url: &str, error: &ProbeError) -> Finding {
    let (why, fix) = match error {
        ProbeError::Status { code: 404, .. } => (
            "the server has no metrics page at this path",
            "give the page's address with --service, or serve it: \
             `.route(\"/metrics\", telemetry.metrics_handler())` or \
             `telemetry.serve_metrics(address)`",
        ),
        error if error.is_access_denied() => (
            "the page requires authentication",
            "set STAGELIGHT_DOCTOR_SERVICE_TOKEN or STAGELIGHT_DOCTOR_SERVICE_BASIC",
        ),
        ProbeError::UnexpectedBody(_) => {
            ("the address belongs to another program, or to another page", GIVE_ADDRESS)
        }
        _ => (
            "the service is not running, or serves its metrics at another address",
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
    if families == 0 && !page.samples().is_empty() {
        return Outcome::broken(Finding::new(
            format!("{url}: {} samples, none of stagelight's", page.samples().len()),
            "the page belongs to another program or another exporter",
            GIVE_ADDRESS,
        ));
    }
    Outcome::broken(Finding::new(
        format!("{url}: no requests measured"),
        "no request has finished since the service's start, or its routes are outside the layer",
        "send a request; if nothing changes, add `.layer(telemetry.http_layer())` after the routes",
    ))
}

/// Notes dropped measurements and spans.
fn notes(pair: &ScrapePair, outcomes: &mut Outcomes) {
    for it in pair.second.named("stagelight_dropped_total").filter(|it| 0.0 < it.value) {
        let (reason, count) = (it.label("reason"), number(it.value));
        let stage = match it.label("stage") {
            "" => String::new(),
            stage => format!(", stage {stage}"),
        };
        outcomes.note(Check::Service, format!("{count} measurements dropped: {reason}{stage}"));
    }
    let processed = pair.second.named("otel_sdk_processor_span_processed_total");
    for it in processed.filter(|it| !it.label("error_type").is_empty() && 0.0 < it.value) {
        let (reason, count) = (it.label("error_type"), number(it.value));
        outcomes.note(Check::Service, format!("{count} spans dropped: {reason}"));
    }
}

/// Returns the number of requests on a page.
pub(super) fn requests(page: &Page) -> f64 {
    page.sum("request_duration_seconds_count").unwrap_or(0.0)
}

fn families(page: &Page) -> usize {
    let strategy = aliases::Strategy::UnderscoreEscapingWithSuffixes;
    aliases::all()
        .filter(|(_, it)| page.named(&aliases::series_name(it, strategy)).next().is_some())
        .count()
}
