//! Asks everybody, and judges nothing.

mod api;
mod grafana;
mod otlp;
mod pages;
mod places;
mod prometheus;
mod queries;

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::{
    facts::{CollectorFacts, Facts, Looks, Place},
    http::{AskError, Http},
    options::DoctorArgs,
};

pub(crate) use places::Places;

/// Looks at the whole chain, twice where counters are to be seen growing.
pub(crate) async fn look(args: &DoctorArgs, places: &Places) -> Facts {
    let http = Http::new();
    let [service, metrics, own] = [&places.service, &places.collector_metrics, &places.own];
    let (first, (first_collector, _), (first_own, _)) = tokio::join!(
        pages::read(&http, service),
        pages::read(&http, metrics),
        pages::read(&http, own),
    );
    let first_at = unix_seconds();
    let (first_service, clock) = first;
    let sends_to = first_service.as_ref().map(otlp::destinations).unwrap_or_default();
    let probes = otlp::probe_all(&http, places, &sends_to).await;
    sleep(args.watch).await;
    let ((second_service, _), (second_collector, clock_of_collector), (second_own, _)) = tokio::join!(
        pages::read(&http, service),
        pages::read(&http, metrics),
        pages::read(&http, own),
    );

    let looks = |first: Result<_, _>, second: Result<_, _>| {
        Ok(Looks { first: first?, first_at, second: second? })
    };
    let own = looks(first_own, second_own).ok();
    let ((prometheus, clock_of_prometheus), (grafana, clock_of_grafana)) = tokio::join!(
        prometheus::look(&http, places, args.job.as_deref(), own),
        grafana::look(&http, places),
    );
    Facts {
        service: service.seen(looks(first_service, second_service), clock),
        collector: CollectorFacts {
            probes,
            metrics: metrics.seen(looks(first_collector, second_collector), clock_of_collector),
            has_credentials: !places.otlp.is_empty(),
        },
        prometheus: places.prometheus.seen(prometheus, clock_of_prometheus),
        grafana: places.grafana.seen(grafana, clock_of_grafana),
        watched: args.watch,
        fresh_within: args.fresh_within,
    }
}

/// What an answer was, and how far the clock of who gave it is ahead.
type Timed<T> = (Result<T, AskError>, Option<f64>);

/// Returns the seconds since 1970 by our clock.
fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

impl places::Asked {
    fn seen<T>(&self, seen: Result<T, AskError>, clock_ahead: Option<f64>) -> Place<T> {
        Place { url: self.url.clone(), is_given: self.is_given, seen, clock_ahead }
    }
}
