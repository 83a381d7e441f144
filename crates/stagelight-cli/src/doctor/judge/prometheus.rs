//! Does Prometheus run, take metrics, and have fresh ones of the service?

use super::{Chain, counters, number};
use crate::doctor::{
    facts::{Facts, JobFacts, PrometheusFacts},
    finding::{Finding, Verdict},
    http::AskError,
    link::Link,
};

/// How many export intervals may pass without a sample: one may be late, one lost.
const INTERVALS: f64 = 3.0;
/// The least time that is called late, in seconds.
const LEAST: f64 = 15.0;
/// What is taken for an interval that nobody knows, in seconds: OpenTelemetry's default.
const DEFAULT_INTERVAL: f64 = 60.0;

/// Judges the server by itself.
pub(super) fn judge_server(facts: &Facts) -> Verdict {
    let place = &facts.prometheus;
    if let Some(reason) = place.absence("--prometheus") {
        return Verdict::Skipped(reason);
    }
    let Some(prometheus) = place.facts() else {
        let Some(error) = place.failure() else { return Verdict::Skipped(String::new()) };
        return Verdict::broken(unanswered(&place.url, error));
    };
    if prometheus.otlp_receiver == Some(false) && is_receiver_missed(facts, prometheus) {
        return Verdict::broken(
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
    Verdict::Ok(format!("Prometheus {}", prometheus.version))
}

fn unanswered(url: &str, error: &AskError) -> Finding {
    let (why, fix) = match error {
        error if error.is_denial() => (
            "Prometheus is behind authentication",
            "set STAGELIGHT_DOCTOR_PROMETHEUS_TOKEN or STAGELIGHT_DOCTOR_PROMETHEUS_BASIC",
        ),
        AskError::Status { .. } | AskError::Unreadable(_) => (
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
fn is_receiver_missed(facts: &Facts, prometheus: &PrometheusFacts) -> bool {
    let is_fresh = |it: &&JobFacts| age(prometheus, it) <= limit(facts, it);
    if prometheus.jobs.iter().filter(|it| !it.is_scraped).any(|it| is_fresh(&it)) {
        // They come some other way, by remote write for example.
        return false;
    }
    let is_scraped = prometheus.jobs.iter().any(|it| is_fresh(&it));
    let is_sent = facts.collector.metrics.facts().is_some_and(|looks| {
        0.0 < counters::growth(looks, "otelcol_receiver_accepted_metric_points")
    });
    is_sent || !is_scraped
}

/// Judges the server together with what it has of the service.
pub(super) fn judge(facts: &Facts, server: Verdict, chain: &mut Chain) {
    let verdict = match (server, facts.prometheus.facts()) {
        (Verdict::Ok(seen), Some(prometheus)) => series(facts, prometheus, &seen, chain),
        (server, _) => server,
    };
    chain.put(Link::Prometheus, verdict);
}

fn series(facts: &Facts, prometheus: &PrometheusFacts, seen: &str, chain: &mut Chain) -> Verdict {
    if let Some(finding) = rejected(prometheus) {
        return Verdict::broken(finding);
    }
    let Some(freshest) = prometheus.jobs.first() else {
        return upstream(chain).unwrap_or_else(|| Verdict::broken(none(prometheus)));
    };
    let (age, limit) = (age(prometheus, freshest), limit(facts, freshest));
    if age <= limit {
        for late in
            prometheus.jobs.iter().filter(|it| self::limit(facts, it) < self::age(prometheus, it))
        {
            let age = number(self::age(prometheus, late).round());
            chain.note(
                Link::Prometheus,
                format!("the newest sample of job {} is {age} s old", late.job),
            );
        }
        let job = &freshest.job;
        return Verdict::Ok(format!("{seen}; job {job}, newest sample {} s old", number(age)));
    }
    upstream(chain)
        .or_else(|| chain.cause_in(Link::Clocks).map(Verdict::NotJudged))
        .unwrap_or_else(|| Verdict::broken(stale(freshest, age, limit)))
}

/// Returns what keeps samples from arriving, if that is known.
fn upstream(chain: &Chain) -> Option<Verdict> {
    chain
        .cause(&[Link::Service, Link::Collector, Link::Export, Link::Delivery])
        .map(Verdict::NotJudged)
}

fn stale(job: &JobFacts, age: f64, limit: f64) -> Finding {
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

fn none(prometheus: &PrometheusFacts) -> Finding {
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
fn rejected(prometheus: &PrometheusFacts) -> Option<Finding> {
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
pub(super) fn age(prometheus: &PrometheusFacts, job: &JobFacts) -> f64 {
    prometheus.time.map_or(0.0, |(now, _)| (now - job.newest).max(0.0))
}

/// Returns how old it may be.
pub(super) fn limit(facts: &Facts, job: &JobFacts) -> f64 {
    facts.fresh_within.map_or_else(
        || (INTERVALS * job.interval.unwrap_or(DEFAULT_INTERVAL)).max(LEAST),
        |it| it.as_secs_f64(),
    )
}
