//! Does the collector run, and accept what it is sent?

use super::{
    Outcomes,
    counters::{SIGNALS, growth},
    number,
};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    observations::{Observations, ScrapePair},
};

/// Judges the collector, knowing whether it gets rid of what it accepts.
pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let collector = &observations.collector;
    let is_seen = collector.metrics.value().is_some();
    let deaf = collector.probes.iter().find(|it| it.is_given && !it.is_answered());
    let verdict = if !is_seen && !collector.probes.iter().any(|it| it.is_answered()) {
        absent(observations)
    } else if let Some(probe) = deaf {
        let error = probe.failure().map(ToString::to_string).unwrap_or_default();
        Outcome::broken(stopped(format!("{}: {error}", probe.url)))
    } else if let Some(error) = collector.metrics.failure() {
        Outcome::broken(Finding::new(
            format!("{}: {error}", collector.metrics.url),
            "the collector takes OTLP, and its own metrics are not where they were said to be",
            "see `service.telemetry.metrics` in its configuration; the shipped one has \
             STAGELIGHT_COLLECTOR_METRICS_HOST and STAGELIGHT_COLLECTOR_METRICS_PORT",
        ))
    } else if let Some(pair) = collector.metrics.value() {
        accepting(observations, pair, outcomes)
    } else {
        Outcome::Ok(
            "it answers; whether it refuses data is in its own metrics, which are not here"
                .to_owned(),
        )
    };
    let is_absent = !is_seen && matches!(verdict, Outcome::Broken(_));
    outcomes.put(Check::Collector, verdict);
    if is_absent {
        outcomes.put(Check::Delivery, Outcome::Blocked(Check::Collector));
    }
}

/// Judges a collector of which nothing answers.
fn absent(observations: &Observations) -> Outcome {
    let probes = &observations.collector.probes;
    let Some(given) = probes.iter().find(|it| it.is_given) else {
        let metrics = &observations.collector.metrics;
        let addresses: Vec<_> =
            probes.iter().filter(|it| !it.is_services).map(|it| &*it.url).collect();
        if let Some(error) = metrics.failure() {
            return Outcome::broken(stopped(format!("{}: {error}", metrics.url)));
        }
        return Outcome::Skipped(format!(
            "not given (--collector URL); at the default, {}, nothing answers",
            addresses.join(" and ")
        ));
    };
    let error = given.failure().map(ToString::to_string).unwrap_or_default();
    Outcome::broken(stopped(format!("{}: {error}", given.url)))
}

fn stopped(seen: String) -> Finding {
    Finding::new(
        seen,
        "the collector is not running, or its receiver listens elsewhere",
        "start it: `otelcol-stagelight --config collector/all-in-one.yaml`; its log says why it ended",
    ).with_runbook("CollectorDown")
}

fn accepting(observations: &Observations, pair: &ScrapePair, outcomes: &Outcomes) -> Outcome {
    let sum = |counter: &str| -> f64 {
        SIGNALS.iter().map(|it| growth(pair, &format!("otelcol_{counter}_{it}"))).sum()
    };
    let watched = number(observations.watched.as_secs_f64());
    let refused = sum("receiver_refused");
    let by_limiter = sum("processor_memory_limiter_refused") + sum("processor_refused");
    if 0.0 < by_limiter {
        return Outcome::broken(Finding::new(
            format!("the memory limiter refused {} items within {watched} s", number(by_limiter)),
            "the collector is near its memory limit, and asks senders to wait",
            "raise STAGELIGHT_COLLECTOR_MEMORY_MIB, or send less: sample traces, run more than one collector",
        ).with_runbook("CollectorOutOfMemory"));
    }
    if 0.0 < refused {
        let seen = format!("the receiver refused {} items within {watched} s", number(refused));
        // It refuses what it has no room for: the cause is where it sends to.
        return match outcomes.blocker(Check::Delivery) {
            Some(cause) => Outcome::Blocked(cause),
            None => Outcome::broken(
                Finding::new(
                    seen,
                    "a processor or an exporter gave an error back to the receiver",
                    "the collector's log says which",
                )
                .with_runbook("CollectorRefuses"),
            ),
        };
    }
    let accepted = number(sum("receiver_accepted"));
    Outcome::Ok(format!("{accepted} items accepted within {watched} s, none refused"))
}
