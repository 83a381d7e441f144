//! Does the service measure, and show it?

use super::{Chain, number};
use crate::doctor::{
    aliases,
    facts::{Facts, Looks},
    finding::{Finding, Verdict},
    http::AskError,
    link::Link,
    page::Page,
};

pub(super) fn judge(facts: &Facts, chain: &mut Chain) {
    let place = &facts.service;
    let verdict = if let Some(reason) = place.absence("--service") {
        Verdict::Skipped(reason)
    } else if let Some(error) = place.failure() {
        Verdict::broken(unanswered(&place.url, error))
    } else if let Some(looks) = place.facts() {
        notes(looks, chain);
        measured(&place.url, &looks.second)
    } else {
        return;
    };
    chain.put(Link::Service, verdict);
}

fn unanswered(url: &str, error: &AskError) -> Finding {
    let (why, fix) = match error {
        AskError::Status { code: 404, .. } => (
            "the server there has no metrics page at this path",
            "give the page's address with --service, or add it to the service: \
             `telemetry.serve_metrics(address)`",
        ),
        error if error.is_denial() => (
            "the page is behind authentication",
            "set STAGELIGHT_DOCTOR_SERVICE_TOKEN or STAGELIGHT_DOCTOR_SERVICE_BASIC",
        ),
        AskError::Unreadable(_) => (
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

fn measured(url: &str, page: &Page) -> Verdict {
    let families = families(page);
    let requests = requests(page);
    if 0.0 < requests {
        let requests = number(requests);
        return Verdict::Ok(format!("{url}: {requests} requests measured, {families} metrics"));
    }
    let seen = format!("{url}: no request has been measured");
    if families == 0 && !page.samples().is_empty() {
        return Verdict::broken(Finding::new(
            format!("{url}: {} samples, none of stagelight's", page.samples().len()),
            "the page is another program's, or another exporter's",
            "give the address of the service's /metrics with --service",
        ));
    }
    Verdict::broken(Finding::new(
        seen,
        "no request has come to its end since the service was started, or its routes are outside of the layer that measures",
        "send a request; if nothing changes, put `.layer(telemetry.http_layer())` after the routes that it is to measure",
    ))
}

/// Tells what the service could not measure or keep.
fn notes(looks: &Looks, chain: &mut Chain) {
    for it in looks.second.named("stagelight_dropped_total").filter(|it| 0.0 < it.value) {
        let (reason, count) = (it.label("reason"), number(it.value));
        chain.note(Link::Service, format!("{count} measurements were dropped: {reason}"));
    }
    let processed = looks.second.named("otel_sdk_processor_span_processed_total");
    for it in processed.filter(|it| !it.label("error_type").is_empty() && 0.0 < it.value) {
        let (reason, count) = (it.label("error_type"), number(it.value));
        chain.note(Link::Service, format!("{count} spans were dropped: {reason}"));
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
