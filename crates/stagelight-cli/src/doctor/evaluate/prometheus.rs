//! Does Prometheus run, take metrics, and have fresh ones of the service?

use super::{Outcomes, counters, number};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    http::ProbeError,
    observations::{Job, Observations, PrometheusObservations},
};

/// How many export intervals may pass without a sample: one may be late, one lost.
const INTERVALS: f64 = 3.0;
/// The least time that is called late, in seconds.
const LEAST: f64 = 15.0;
/// What is taken for an interval that nobody knows, in seconds: OpenTelemetry's default.
const DEFAULT_INTERVAL: f64 = 60.0;

/// Judges the server by itself.
pub(super) fn evaluate_server(observations: &Observations) -> Outcome {
    let place = &observations.prometheus;
    if let Some(reason) = place.absence("--prometheus") {
        return Outcome::Skipped(reason);
    }
    let Some(prometheus) = place.value() else {
        let Some(error) = place.failure() else { return Outcome::Skipped(String::new()) };
        return Outcome::broken(unanswered(&place.url, error));
    };
    if prometheus.otlp_receiver == Some(false) && is_receiver_missed(observations, prometheus) {
        return Outcome::broken(
            Finding::new(
                format!(
                    "Prometheus {} runs with --web.enable-otlp-receiver=false",
                    prometheus.version
                ),
                "it answers 404 to what the collector sends, and the collector drops it",
                "start Prometheus with --web.enable-otlp-receiver",
            )
            .with_runbook("PrometheusReceivesNothing"),
        );
    }
    Outcome::Ok(format!("Prometheus {}", prometheus.version))
}

fn unanswered(url: &str, error: &ProbeError) -> Finding {
    let (why, fix) = match error {
        error if error.is_access_denied() => (
            "Prometheus is behind authentication",
            "set STAGELIGHT_DOCTOR_PROMETHEUS_TOKEN or STAGELIGHT_DOCTOR_PROMETHEUS_BASIC",
        ),
        ProbeError::Status { .. } | ProbeError::UnexpectedBody(_) => (
            "what answers there is not Prometheus, or its API is below another path",
            "give Prometheus' address, with its --web.route-prefix, with --prometheus",
        ),
        _ => (
            "Prometheus is not running, or listens elsewhere",
            "start it: `prometheus --config.file=collector/prometheus/prometheus.yaml \
             --web.enable-otlp-receiver --enable-feature=exemplar-storage`; its log says why it ended",
        ),
    };
    Finding::new(format!("{url}: {error}"), why, fix).with_runbook("PrometheusDown")
}

/// Returns whether somebody tries to send OTLP to a Prometheus that does not take it.
fn is_receiver_missed(observations: &Observations, prometheus: &PrometheusObservations) -> bool {
    let is_fresh = |it: &&Job| age(prometheus, it) <= limit(observations, it);
    if prometheus.jobs.iter().filter(|it| !it.is_scraped).any(|it| is_fresh(&it)) {
        // They come some other way, by remote write for example.
        return false;
    }
    let is_scraped = prometheus.jobs.iter().any(|it| is_fresh(&it));
    let is_sent = observations.collector.metrics.value().is_some_and(|pair| {
        0.0 < counters::growth(pair, "otelcol_receiver_accepted_metric_points")
    });
    is_sent || !is_scraped
}

/// Judges the server together with what it has of the service.
pub(super) fn evaluate(observations: &Observations, server: Outcome, outcomes: &mut Outcomes) {
    let verdict = match (server, observations.prometheus.value()) {
        (Outcome::Ok(seen), Some(prometheus)) => series(observations, prometheus, &seen, outcomes),
        (server, _) => server,
    };
    outcomes.put(Check::Prometheus, verdict);
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
    let Some(freshest) = prometheus.jobs.first() else {
        return upstream(outcomes).unwrap_or_else(|| Outcome::broken(none(prometheus)));
    };
    let (age, limit) = (age(prometheus, freshest), limit(observations, freshest));
    if age <= limit {
        for late in prometheus
            .jobs
            .iter()
            .filter(|it| self::limit(observations, it) < self::age(prometheus, it))
        {
            let age = number(self::age(prometheus, late).round());
            outcomes.note(
                Check::Prometheus,
                format!("the newest sample of job {} is {age} s old", late.job),
            );
        }
        let job = &freshest.job;
        return Outcome::Ok(format!("{seen}; job {job}, newest sample {} s old", number(age)));
    }
    upstream(outcomes)
        .or_else(|| outcomes.blocker(Check::Clocks).map(Outcome::Blocked))
        .unwrap_or_else(|| Outcome::broken(stale(freshest, age, limit)))
}

/// Returns what keeps samples from arriving, if that is known.
fn upstream(outcomes: &Outcomes) -> Option<Outcome> {
    outcomes
        .first_blocker(&[Check::Service, Check::Collector, Check::Export, Check::Delivery])
        .map(Outcome::Blocked)
}

fn stale(job: &Job, age: f64, limit: f64) -> Finding {
    let (age, limit) = (number(age.round()), number(limit.round()));
    Finding::new(
        format!(
            "the newest sample of job {} is {age} s old; {limit} s would be all right",
            job.job
        ),
        "no more samples come: the service has ended, or sends somewhere else",
        "see that the service runs; --service and --collector URL look at what is before Prometheus",
    ).with_runbook("ServiceStoppedExporting")
}

fn none(prometheus: &PrometheusObservations) -> Finding {
    let seen = match (prometheus.last_seen, prometheus.time) {
        (Some(last), Some((now, _))) => {
            format!(
                "no series of stagelight's; the last sample came {} minutes ago",
                number(((now - last) / 60.0).round())
            )
        }
        _ => "no series of stagelight's, and none within the last day".to_owned(),
    };
    Finding::new(
        seen,
        "what the service measures does not get here: it goes to another Prometheus, or a processor of the collector drops it",
        "set STAGELIGHT_PROMETHEUS_OTLP_URL of the collector to http://HOST:9090/api/v1/otlp of this Prometheus, \
         or add the service's page to its scrape targets; with --job, see that the name is the service's",
    ).with_runbook("PrometheusReceivesNothing")
}

/// Tells of samples that Prometheus refused while we looked.
fn rejected(prometheus: &PrometheusObservations) -> Option<Finding> {
    let own = prometheus.own.as_ref()?;
    let out_of_order = counters::growth(own, "prometheus_tsdb_out_of_order_samples");
    let too_old = counters::growth(own, "prometheus_tsdb_too_old_samples");
    (0.0 < out_of_order + too_old).then(|| {
        let (out_of_order, too_old) = (number(out_of_order), number(too_old));
        Finding::new(
            format!("Prometheus rejected samples while we looked: {out_of_order} out of order, {too_old} too old"),
            "a collector delivers late what it has kept, or two processes send the same series",
            "set storage.tsdb.out_of_order_time_window (the shipped file has 30m), and give each process its own \
             service.instance.id",
        ).with_runbook("PrometheusRejectsSamples")
    })
}

/// Returns how old a job's newest sample is, in seconds.
pub(super) fn age(prometheus: &PrometheusObservations, job: &Job) -> f64 {
    prometheus.time.map_or(0.0, |(now, _)| (now - job.newest).max(0.0))
}

/// Returns how old it may be.
pub(super) fn limit(observations: &Observations, job: &Job) -> f64 {
    observations.fresh_within.map_or_else(
        || (INTERVALS * job.interval.unwrap_or(DEFAULT_INTERVAL)).max(LEAST),
        |it| it.as_secs_f64(),
    )
}
