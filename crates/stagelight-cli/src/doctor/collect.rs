//! Asks everybody, and judges nothing.

mod api;
mod grafana;
mod otlp;
mod pages;
mod targets;
mod prometheus;
mod queries;

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::{
    http::{HttpClient, ProbeError},
    observations::{CollectorObservations, Observations, Observed, ScrapePair},
    options::DoctorArgs,
};

pub(crate) use targets::Targets;

/// ScrapePair at the whole outcomes, twice where counters are to be seen growing.
pub(crate) async fn collect(args: &DoctorArgs, targets: &Targets) -> Observations {
    let http = HttpClient::new();
    let [service, metrics, own] = [&targets.service, &targets.collector_metrics, &targets.own];
    let (first, (first_collector, _), (first_own, _)) = tokio::join!(
        pages::read(&http, service),
        pages::read(&http, metrics),
        pages::read(&http, own),
    );
    let first_at = unix_seconds();
    let (first_service, clock) = first;
    let sends_to = first_service.as_ref().map(otlp::destinations).unwrap_or_default();
    let probes = otlp::probe_all(&http, targets, &sends_to).await;
    sleep(args.watch).await;
    let ((second_service, _), (second_collector, clock_of_collector), (second_own, _)) = tokio::join!(
        pages::read(&http, service),
        pages::read(&http, metrics),
        pages::read(&http, own),
    );

    let pair = |first: Result<_, _>, second: Result<_, _>| {
        Ok(ScrapePair { first: first?, first_at, second: second? })
    };
    let own = pair(first_own, second_own).ok();
    let ((prometheus, clock_of_prometheus), (grafana, clock_of_grafana)) = tokio::join!(
        prometheus::collect(&http, targets, args.job.as_deref(), own),
        grafana::collect(&http, targets),
    );
    Observations {
        service: service.seen(pair(first_service, second_service), clock),
        collector: CollectorObservations {
            probes,
            metrics: metrics.seen(pair(first_collector, second_collector), clock_of_collector),
            has_credentials: !targets.otlp.is_empty(),
        },
        prometheus: targets.prometheus.seen(prometheus, clock_of_prometheus),
        grafana: targets.grafana.seen(grafana, clock_of_grafana),
        watched: args.watch,
        fresh_within: args.fresh_within,
    }
}

/// What an answer was, and how far the clock of who gave it is ahead.
type Timed<T> = (Result<T, ProbeError>, Option<f64>);

/// Returns the seconds since 1970 by our clock.
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

impl targets::Target {
    fn seen<T>(&self, seen: Result<T, ProbeError>, clock_ahead: Option<f64>) -> Observed<T> {
        Observed { url: self.url.clone(), is_given: self.is_given, seen, clock_ahead }
    }
}
