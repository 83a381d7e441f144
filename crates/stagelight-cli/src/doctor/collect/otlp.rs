//! Sends empty exports, which a receiver accepts and which change nothing.

use std::collections::BTreeSet;

use http::Uri;

use super::targets::Targets;
use crate::doctor::{
    http::{Credentials, HttpClient, ProbeError},
    observations::Probe,
    page::Page,
};

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// One message of no bytes, uncompressed.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// Returns where a service sends its metrics, as it says on its page: `HOST:PORT`.
pub(super) fn destinations(page: &Page) -> BTreeSet<String> {
    let exported = page.named("otel_sdk_exporter_metric_data_point_exported_total");
    exported
        .map(|it| (it.label("server_address"), it.label("server_port")))
        .filter(|(host, port)| !host.is_empty() && !port.is_empty())
        .map(|(host, port)| format!("{host}:{port}"))
        .collect()
}

/// Probes the receivers, and what else the service sends to.
pub(super) async fn probe_all(
    http: &HttpClient,
    targets: &Targets,
    sends_to: &BTreeSet<String>,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for receiver in &targets.receivers {
        let is_services = sends_to.iter().any(|it| is_at(&receiver.url, it));
        let (http, grpc) = probe(http, &receiver.url, &receiver.credentials).await;
        let (url, is_given) = (receiver.url.clone(), receiver.is_given);
        probes.push(Probe { url, is_given, is_services, http, grpc });
    }
    for authority in sends_to {
        if probes.iter().any(|it| is_at(&it.url, authority)) {
            continue;
        }
        let url = format!("http://{authority}");
        let (http, grpc) = probe(http, &url, &targets.otlp).await;
        probes.push(Probe { url, is_given: false, is_services: true, http, grpc });
    }
    probes
}

/// Returns whether an address is that of a host and port.
fn is_at(url: &str, authority: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.and_then(|it| Some(it.authority()?.as_str() == authority)).unwrap_or(false)
}

async fn probe(
    http: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> (Result<(), ProbeError>, Result<(), ProbeError>) {
    tokio::join!(by_http(http, url, credentials), by_grpc(http, url, credentials))
}

async fn by_http(
    http: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> Result<(), ProbeError> {
    let path = if url.ends_with("/v1/metrics") { "" } else { "/v1/metrics" };
    let body = ("application/x-protobuf", &[][..]);
    http.post(&format!("{url}{path}"), credentials, body).await?.success().map(drop)
}

async fn by_grpc(
    http: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> Result<(), ProbeError> {
    let base = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let answer = http.call(&format!("{base}{METHOD}"), credentials, EMPTY_MESSAGE).await?;
    let answer = answer.success()?;
    let header = |name: &str| answer.headers.get(name).and_then(|it| it.to_str().ok());
    match header("grpc-status").and_then(|it| it.parse::<usize>().ok()) {
        Some(0) => Ok(()),
        Some(code) => Err(ProbeError::Grpc {
            status: STATUSES.get(code).copied().unwrap_or("UNKNOWN"),
            says: header("grpc-message").unwrap_or_default().to_owned(),
        }),
        None => Err(ProbeError::OtherProtocol),
    }
}

/// The names of gRPC's statuses, by their numbers.
const STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
