//! Does the collector run and accept data?

use super::{
    counters::{SIGNALS, growth},
    outcomes::{Outcomes, number},
};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::{Observations, ScrapePair},
};

/// Evaluates the collector, after its delivery.
pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let collector = &observations.collector;
    let is_scraped = collector.metrics.value().is_some();
    let silent = collector.probes.iter().find(|it| it.is_given && !it.is_reachable());
    let outcome = if !is_scraped && !collector.probes.iter().any(|it| it.is_reachable()) {
        absent(observations)
    } else if let Some(probe) = silent {
        let error = probe.failure().map(ToString::to_string).unwrap_or_default();
        Outcome::broken(stopped(format!("{}: {error}", probe.url)))
    } else if let Some(error) = collector.metrics.failure() {
        Outcome::broken(Finding::new(
            format!("{}: {error}", collector.metrics.url),
            "the OTLP receiver responds, but the collector's own metrics are not at the given \
             address",
            "give the address set by `service.telemetry.metrics` in the collector's configuration; \
             the shipped one reads STAGELIGHT_COLLECTOR_METRICS_HOST and \
             STAGELIGHT_COLLECTOR_METRICS_PORT",
        ))
    } else if let Some(pair) = collector.metrics.value() {
        accepting(observations, pair, outcomes)
    } else {
        Outcome::Ok(
            "running; its own metrics, which count refused data, are not available".to_owned(),
        )
    };
    let is_absent = !is_scraped && outcome.is_broken();
    outcomes.put(Check::Collector, outcome);
    if is_absent {
        outcomes.put(Check::Delivery, Outcome::Blocked(Check::Collector));
    }
}

/// Evaluates a collector without any response.
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
            "not given (--collector URL); no response at the default, {}",
            addresses.join(" and ")
        ));
    };
    let error = given.failure().map(ToString::to_string).unwrap_or_default();
    Outcome::broken(stopped(format!("{}: {error}", given.url)))
}

fn stopped(seen: String) -> Finding {
    Finding::new(
        seen,
        "the collector is not running, or its receiver listens at another address",
        "start it with `otelcol-stagelight --config collector/all-in-one.yaml`; its log has the \
         reason if it exits",
    )
    .with_runbook("CollectorDown")
}

fn accepting(observations: &Observations, pair: &ScrapePair, outcomes: &Outcomes) -> Outcome {
    let sum = |counter: &str| -> f64 {
        SIGNALS.iter().map(|it| growth(pair, &format!("otelcol_{counter}_{it}"))).sum()
    };
    let watched = number(observations.watched.as_secs_f64());
    let refused = sum("receiver_refused");
    let by_limiter = sum("processor_memory_limiter_refused") + sum("processor_refused");
    if 0.0 < by_limiter {
        let seen =
            format!("the memory limiter refused {} items within {watched} s", number(by_limiter));
        return Outcome::broken(
            Finding::new(
                seen,
                "the collector is near its memory limit and applies backpressure",
                "raise STAGELIGHT_COLLECTOR_MEMORY_MIB, sample fewer traces, or run more \
                 collectors",
            )
            .with_runbook("CollectorOutOfMemory"),
        );
    }
    if 0.0 < refused {
        // The receiver refuses data when a full exporter queue propagates its error.
        return match outcomes.blocker(Check::Delivery) {
            Some(cause) => Outcome::Blocked(cause),
            None => Outcome::broken(
                Finding::new(
                    format!("the receiver refused {} items within {watched} s", number(refused)),
                    "a processor or an exporter returned an error to the receiver",
                    "find the component in the collector's log",
                )
                .with_runbook("CollectorRefuses"),
            ),
        };
    }
    let accepted = number(sum("receiver_accepted"));
    Outcome::Ok(format!("{accepted} items accepted within {watched} s, none refused"))
}
