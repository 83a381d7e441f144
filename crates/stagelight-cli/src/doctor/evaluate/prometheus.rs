//! Does Prometheus run, ingest metrics, and have fresh samples of the service?

use super::{
    counters,
    outcomes::{Outcomes, number},
};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    http::ProbeError,
    observations::{Job, Observations, PrometheusObservations},
};

/// Sample intervals without a sample before it is stale: one may be late, one lost.
const INTERVALS: f64 = 3.0;
/// Minimum age of a stale sample, in seconds.
const MIN_AGE: f64 = 15.0;
/// Assumed sample interval if unknown, in seconds: OpenTelemetry's default.
const DEFAULT_INTERVAL: f64 = 60.0;

/// Evaluates the server alone.
pub(super) fn evaluate_server(observations: &Observations) -> Outcome {
    let observed = &observations.prometheus;
    if let Some(reason) = observed.absence("--prometheus") {
        return Outcome::Skipped(reason);
    }
    let Some(prometheus) = observed.value() else {
        let Some(error) = observed.failure() else { return Outcome::Skipped(String::new()) };
        return Outcome::broken(unavailable(&observed.url, error));
    };
    let version = &prometheus.version;
    if prometheus.otlp_receiver == Some(false) && is_receiver_needed(observations, prometheus) {
        return Outcome::broken(
            Finding::new(
                format!("Prometheus {version} runs with --web.enable-otlp-receiver=false"),
                "it responds with 404 to the collector's exports, which the collector then drops",
                "start Prometheus with --web.enable-otlp-receiver",
            )
            .with_runbook("PrometheusReceivesNothing"),
        );
    }
    Outcome::Ok(format!("Prometheus {version}"))
}

fn unavailable(url: &str, error: &ProbeError) -> Finding {
    let (why, fix) = match error {
        error if error.is_access_denied() => (
            "Prometheus requires authentication",
            "set STAGELIGHT_DOCTOR_PROMETHEUS_TOKEN or STAGELIGHT_DOCTOR_PROMETHEUS_BASIC",
        ),
        ProbeError::Status { .. } | ProbeError::UnexpectedBody(_) => (
            "the server is not Prometheus, or serves its API at another path",
            "give Prometheus' address, including its --web.route-prefix, with --prometheus",
        ),
        _ => (
            "Prometheus is not running, or listens at another address",
            "start it with `prometheus --config.file=collector/prometheus/prometheus.yaml \
             --web.enable-otlp-receiver --enable-feature=exemplar-storage`; its log has the reason \
             if it exits",
        ),
    };
    Finding::new(format!("{url}: {error}"), why, fix).with_runbook("PrometheusDown")
}

/// Returns whether OTLP exports may be missing because the receiver is disabled.
fn is_receiver_needed(observations: &Observations, prometheus: &PrometheusObservations) -> bool {
    let is_fresh = |it: &Job| age(prometheus, it) <= limit(observations, it);
    if prometheus.jobs.iter().any(|it| !it.is_scraped && is_fresh(it)) {
        // Pushed another way, for example by remote write.
        return false;
    }
    let is_scraped = prometheus.jobs.iter().any(is_fresh);
    let is_exported = observations.collector.metrics.value().is_some_and(|pair| {
        0.0 < counters::growth(pair, "otelcol_receiver_accepted_metric_points")
    });
    is_exported || !is_scraped
}

/// Evaluates the server together with the service's series.
pub(super) fn evaluate(observations: &Observations, server: Outcome, outcomes: &mut Outcomes) {
    let outcome = match (server, observations.prometheus.value()) {
        (Outcome::Ok(seen), Some(prometheus)) => series(observations, prometheus, &seen, outcomes),
        (server, _) => server,
    };
    outcomes.put(Check::Prometheus, outcome);
}

fn series(
    observations: &Observations,
    prometheus: &PrometheusObservations,
    seen: &str,
    outcomes: &mut Outcomes,
) -> Outcome {
    if let Some(finding) = rejected(prometheus) {
        return Outcome::broken(finding);
    }
    let Some((freshest, others)) = prometheus.jobs.split_first() else {
        return upstream(outcomes).unwrap_or_else(|| Outcome::broken(no_series(prometheus)));
    };
    let (newest, limit_of_newest) = (age(prometheus, freshest), limit(observations, freshest));
    if newest <= limit_of_newest {
        for job in others {
            let age = age(prometheus, job);
            if limit(observations, job) < age {
                let (job, age) = (&job.job, number(age.round()));
                let note = format!("the newest sample of job {job} is {age} s old");
                outcomes.note(Check::Prometheus, note);
            }
        }
        let (job, age) = (&freshest.job, number(newest));
        return Outcome::Ok(format!("{seen}; job {job}, newest sample {age} s old"));
    }
    upstream(outcomes)
        .or_else(|| outcomes.blocker(Check::Clocks).map(Outcome::Blocked))
        .unwrap_or_else(|| Outcome::broken(stale(freshest, newest, limit_of_newest)))
}

/// Returns the outcome if a broken check before Prometheus explains missing samples.
fn upstream(outcomes: &Outcomes) -> Option<Outcome> {
    outcomes
        .first_blocker(&[Check::Service, Check::Collector, Check::Export, Check::Delivery])
        .map(Outcome::Blocked)
}

fn stale(job: &Job, age: f64, limit: f64) -> Finding {
    let (job, age, limit) = (&job.job, number(age.round()), number(limit.round()));
    Finding::new(
        format!("the newest sample of job {job} is {age} s old (limit {limit} s)"),
        "no new samples arrive: the service has stopped, or exports to another collector",
        "check that the service runs; --service and --collector check the hops before Prometheus",
    )
    .with_runbook("ServiceStoppedExporting")
}

fn no_series(prometheus: &PrometheusObservations) -> Finding {
    let seen = match (prometheus.last_seen, prometheus.time) {
        (Some(last), Some((now, _))) => {
            let minutes = number(((now - last) / 60.0).round());
            format!("no series of stagelight; the newest sample is {minutes} minutes old")
        }
        _ => "no series of stagelight now or within the last day".to_owned(),
    };
    Finding::new(
        seen,
        "the service's metrics go to another Prometheus, or a processor of the collector drops \
         them",
        "set STAGELIGHT_PROMETHEUS_OTLP_URL of the collector to http://HOST:9090/api/v1/otlp of \
         this Prometheus, or add the service's page to its scrape targets; with --job, check that \
         the name is the service's",
    )
    .with_runbook("PrometheusReceivesNothing")
}

/// Finds samples that Prometheus rejected between the two scrapes.
fn rejected(prometheus: &PrometheusObservations) -> Option<Finding> {
    let own = prometheus.own.as_ref()?;
    let out_of_order = counters::growth(own, "prometheus_tsdb_out_of_order_samples");
    let too_old = counters::growth(own, "prometheus_tsdb_too_old_samples");
    (0.0 < out_of_order + too_old).then(|| {
        let (out_of_order, too_old) = (number(out_of_order), number(too_old));
        Finding::new(
            format!(
                "Prometheus rejected samples between the two scrapes: {out_of_order} out of \
                 order, {too_old} too old"
            ),
            "a collector delivers its backlog late, or two processes send the same series",
            "set storage.tsdb.out_of_order_time_window (the shipped file has 30m), and a distinct \
             service.instance.id for each process",
        )
        .with_runbook("PrometheusRejectsSamples")
    })
}

/// Returns the age of a job's newest sample, in seconds.
fn age(prometheus: &PrometheusObservations, job: &Job) -> f64 {
    prometheus.time.map_or(0.0, |(now, _)| (now - job.newest).max(0.0))
}

/// Returns the maximum age of a job's newest sample, in seconds.
fn limit(observations: &Observations, job: &Job) -> f64 {
    observations.fresh_within.map_or_else(
        || (INTERVALS * job.interval.unwrap_or(DEFAULT_INTERVAL)).max(MIN_AGE),
        |it| it.as_secs_f64(),
    )
}
