//! Probes OTLP receivers with empty exports, which change nothing.

use std::collections::BTreeSet;

use http::Uri;

use super::targets::Targets;
use crate::doctor::{
    http::{Credentials, HttpClient, ProbeError},
    observations::Probe,
    page::Page,
};

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// A gRPC frame with an empty, uncompressed message.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// Returns the `HOST:PORT`s to which a service exports metrics, according to its metrics page.
pub(super) fn destinations(page: &Page) -> BTreeSet<String> {
    let exported = page.named("otel_sdk_exporter_metric_data_point_exported_total");
    exported
        .map(|it| (it.label("server_address"), it.label("server_port")))
        .filter(|(host, port)| !host.is_empty() && !port.is_empty())
        .map(|(host, port)| format!("{host}:{port}"))
        .collect()
}

/// Probes the receivers and the service's other export targets.
pub(super) async fn probe_all(
    client: &HttpClient,
    targets: &Targets,
    exports_to: &BTreeSet<String>,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for receiver in &targets.receivers {
        let is_services = exports_to.iter().any(|it| has_authority(&receiver.url, it));
        let (http, grpc) = probe(client, &receiver.url, &receiver.credentials).await;
        let (url, is_given) = (receiver.url.clone(), receiver.is_given);
        probes.push(Probe { url, is_given, is_services, http, grpc });
    }
    for authority in exports_to {
        if probes.iter().any(|it| has_authority(&it.url, authority)) {
            continue;
        }
        let url = format!("http://{authority}");
        let (http, grpc) = probe(client, &url, &targets.otlp).await;
        probes.push(Probe { url, is_given: false, is_services: true, http, grpc });
    }
    probes
}

fn has_authority(url: &str, authority: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.and_then(|it| Some(it.authority()?.as_str() == authority)).unwrap_or(false)
}

async fn probe(
    client: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> (Result<(), ProbeError>, Result<(), ProbeError>) {
    tokio::join!(over_http(client, url, credentials), over_grpc(client, url, credentials))
}

async fn over_http(
    client: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> Result<(), ProbeError> {
    let path = if url.ends_with("/v1/metrics") { "" } else { "/v1/metrics" };
    let url = format!("{url}{path}");
    client.post(&url, credentials, "application/x-protobuf", &[]).await?.success().map(drop)
}

async fn over_grpc(
    client: &HttpClient,
    url: &str,
    credentials: &Credentials,
) -> Result<(), ProbeError> {
    let base = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let response = client.call(&format!("{base}{METHOD}"), credentials, EMPTY_MESSAGE).await?;
    let response = response.success()?;
    let header = |name: &str| response.headers.get(name).and_then(|it| it.to_str().ok());
    match header("grpc-status").and_then(|it| it.parse::<usize>().ok()) {
        Some(0) => Ok(()),
        Some(code) => Err(ProbeError::Grpc {
            status: STATUSES.get(code).copied().unwrap_or("UNKNOWN"),
            message: header("grpc-message").unwrap_or_default().to_owned(),
        }),
        None => Err(ProbeError::OtherProtocol),
    }
}

/// The names of gRPC statuses, by code.
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
