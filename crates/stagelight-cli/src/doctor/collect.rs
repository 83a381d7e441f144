//! Collects the observations.

mod api;
mod grafana;
mod otlp;
mod prometheus;
mod queries;
mod targets;

use tokio::time::sleep;

use super::{
    http::HttpClient,
    observations::{CollectorObservations, Observations, ScrapePair},
    options::DoctorArgs,
};
use api::{Api, unix_seconds};

pub(crate) use targets::Targets;

/// Queries all servers; scrapes metrics pages twice, to compare counters.
pub(crate) async fn collect(args: &DoctorArgs, targets: &Targets) -> Observations {
    let http = HttpClient::new();
    let [service, metrics, own] =
        [&targets.service, &targets.collector_metrics, &targets.prometheus_metrics]
            .map(|target| Api { http: &http, target });
    let scrape_all = async || tokio::join!(service.scrape(), metrics.scrape(), own.scrape());
    let ((first_service, clock), (first_collector, _), (first_own, _)) = scrape_all().await;
    let first_at = unix_seconds();
    let exports_to = first_service.as_ref().map(otlp::destinations).unwrap_or_default();
    let probes = otlp::probe_all(&http, targets, &exports_to).await;
    sleep(args.watch).await;
    let ((second_service, _), (second_collector, clock_of_collector), (second_own, _)) =
        scrape_all().await;

    let pair = |first: Result<_, _>, second: Result<_, _>| {
        Ok(ScrapePair { first: first?, first_at, second: second? })
    };
    let own = pair(first_own, second_own).ok();
    let ((prometheus, clock_of_prometheus), (grafana, clock_of_grafana)) = tokio::join!(
        prometheus::collect(&http, targets, args.job.as_deref(), own),
        grafana::collect(&http, targets),
    );
    let (service, metrics) = (&targets.service, &targets.collector_metrics);
    Observations {
        service: service.observed(pair(first_service, second_service), clock),
        collector: CollectorObservations {
            probes,
            metrics: metrics.observed(pair(first_collector, second_collector), clock_of_collector),
            has_credentials: !targets.otlp.is_empty(),
        },
        prometheus: targets.prometheus.observed(prometheus, clock_of_prometheus),
        grafana: targets.grafana.observed(grafana, clock_of_grafana),
        watched: args.watch,
        fresh_within: args.fresh_within,
    }
}
