//! The cause of a failed export, and its fix.

use super::exporters::ServiceExporter;
use crate::doctor::{
    check::{Check, Finding},
    evaluate::outcomes::{Outcomes, number},
    http::ProbeError,
    observations::{Observations, Probe},
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SET_HEADERS: &str = "set OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20TOKEN\" in the \
     service's environment to the token of the collector's authenticator";

/// The meaning of an exporter's `error.type`.
enum FailureKind {
    /// No connection or no response.
    Unreachable,
    /// The collector applies backpressure.
    Overloaded,
    /// Missing or wrong credentials.
    AccessDenied,
    /// The server does not know the path or the method.
    NotFound,
    Other,
}

// === impl FailureKind ===

impl FailureKind {
    /// Classifies an HTTP status code, a gRPC status name or one of the exporter's own values.
    fn from_error_type(error: &str) -> Self {
        match error {
            "connection" | "timeout" => Self::Unreachable,
            "429" | "502" | "503" | "504" | "Unavailable" | "ResourceExhausted" => Self::Overloaded,
            "401" | "403" | "Unauthenticated" | "PermissionDenied" => Self::AccessDenied,
            "404" | "405" | "415" | "Unimplemented" => Self::NotFound,
            _ => Self::Other,
        }
    }
}

/// Returns the check that explains an export failure, if another one does.
pub(super) fn blocker(
    error: &str,
    observations: &Observations,
    outcomes: &Outcomes,
) -> Option<Check> {
    let mut probes = observations.collector.probes.iter();
    match FailureKind::from_error_type(error) {
        // The given receiver responds, so the service uses another address.
        FailureKind::Unreachable if probes.any(|it| it.is_given && it.is_reachable()) => None,
        FailureKind::Unreachable => outcomes.blocker(Check::Collector),
        FailureKind::Overloaded => outcomes.first_blocker(&[Check::Collector, Check::Delivery]),
        FailureKind::AccessDenied | FailureKind::NotFound | FailureKind::Other => None,
    }
}

/// Describes the failure of exporters with the same target; `None` without exporters.
pub(super) fn finding(
    failing: &[(&ServiceExporter, f64)],
    error: &str,
    observations: &Observations,
) -> Option<Finding> {
    let (exporter, _) = failing.first()?;
    let ServiceExporter { protocol, to, .. } = exporter;
    let lost: Vec<_> =
        failing.iter().map(|(it, count)| format!("{} {}", number(*count), it.items)).collect();
    let lost = lost.join(" and ");
    let seen = format!("the service failed to export {lost} to {to} over {protocol}: {error}");
    let (why, fix) = match FailureKind::from_error_type(error) {
        FailureKind::Unreachable => unreachable(exporter, observations),
        FailureKind::Overloaded => (
            "the collector applies backpressure".to_owned(),
            "find the full queue or the memory limit in its own metrics and log".to_owned(),
        ),
        FailureKind::AccessDenied => access_denied(to, observations),
        FailureKind::NotFound => not_found(exporter, observations),
        FailureKind::Other => (
            "the collector rejected the data".to_owned(),
            "find the error in the logs of the service and the collector".to_owned(),
        ),
    };
    Some(Finding::new(seen, why, fix).with_runbook("ServiceExportsFail"))
}

fn unreachable(exporter: &ServiceExporter, observations: &Observations) -> (String, String) {
    let to = &exporter.to;
    let probe = observations.collector.probe_at(to);
    if let Some(probe) = probe.filter(|it| it.is_accepted()) {
        let spoken = probe.protocol();
        if !spoken.starts_with(exporter.protocol) {
            return (
                format!("{to} accepts {spoken}, but the service uses {}", exporter.protocol),
                format!("set OTEL_EXPORTER_OTLP_PROTOCOL={spoken} in the service's environment"),
            );
        }
        return (
            format!("{to} accepts an empty export from here, but is unreachable from the service"),
            "check the container network, the firewall and TLS (`https://`) between them"
                .to_owned(),
        );
    }
    if let Some(probe) = probe.filter(|it| it.is_reachable()) {
        let why = if probe.failure() == Some(&ProbeError::TlsRequired) {
            "requires TLS"
        } else {
            "is not an OTLP receiver or requires TLS"
        };
        return (
            format!("{to} {why}; the service does not use TLS or does not trust its certificate"),
            format!(
                "if it is a collector with TLS, set {ENDPOINT}=https://{to} and \
                 OTEL_EXPORTER_OTLP_CERTIFICATE (the CA file of its certificate) in the service's \
                 environment"
            ),
        );
    }
    match observations.collector.accepted_elsewhere(to) {
        Some(other) => (
            format!("no receiver at {to}; the collector's is at {}", other.url),
            format!(
                "set {ENDPOINT}={} and OTEL_EXPORTER_OTLP_PROTOCOL={} in the service's environment",
                other.url,
                other.protocol()
            ),
        ),
        None => (
            format!("no receiver at {to}"),
            format!(
                "start a collector there, or set {ENDPOINT} in the service's environment to the \
                 collector's address"
            ),
        ),
    }
}

fn access_denied(to: &str, observations: &Observations) -> (String, String) {
    let collector = &observations.collector;
    let probe = collector.probe_at(to).or_else(|| collector.probes.iter().find(|it| it.is_given));
    let is_ours_valid = collector.has_credentials && probe.is_some_and(Probe::is_accepted);
    let why = if is_ours_valid {
        "the service's token is missing or wrong: the collector accepts the doctor's token"
    } else if probe.is_some_and(Probe::is_access_denied) {
        "the collector requires a token, and the service's is missing or wrong"
    } else {
        "the service's token is missing or wrong"
    };
    (why.to_owned(), SET_HEADERS.to_owned())
}

fn not_found(exporter: &ServiceExporter, observations: &Observations) -> (String, String) {
    let to = &exporter.to;
    if let Some(probe) = observations.collector.probe_at(to).filter(|it| it.is_accepted()) {
        let url = &probe.url;
        return (
            format!(
                "the receiver is at {url}/v1/metrics: the service uses another path or protocol"
            ),
            format!("set {ENDPOINT}={url} in the service's environment, without a path"),
        );
    }
    let other = observations.collector.accepted_elsewhere(to);
    let fix = other.map_or_else(
        || format!("set {ENDPOINT} in the service's environment to the collector's address"),
        |it| format!("set {ENDPOINT}={} in the service's environment", it.url),
    );
    (format!("{to} is not an OTLP receiver"), fix)
}

/// Describes the failure of the doctor's own empty export.
pub(super) fn finding_for_probe(
    probe: &Probe,
    error: &ProbeError,
    observations: &Observations,
) -> Finding {
    let url = &probe.url;
    let (why, fix) = match error {
        error if error.is_access_denied() && observations.collector.has_credentials => {
            ("the token is wrong", SET_HEADERS.to_owned())
        }
        error if error.is_access_denied() => {
            ("the collector requires a token", SET_HEADERS.to_owned())
        }
        ProbeError::TlsRequired => {
            let secure = url.replacen("http://", "https://", 1);
            ("the collector requires TLS", format!("set {ENDPOINT}={secure}"))
        }
        ProbeError::NoTls => {
            let plain = url.replacen("https://", "http://", 1);
            ("the collector does not use TLS", format!("set {ENDPOINT}={plain}"))
        }
        ProbeError::Status { code: 404 | 405 | 415, .. } => (
            "the server is not an OTLP receiver, or its receiver has another path",
            format!(
                "set {ENDPOINT} to the receiver's address without `/v1/metrics`; its port is 4318 \
                 for HTTP and 4317 for gRPC"
            ),
        ),
        ProbeError::Certificate(_) => (
            "this machine does not trust the CA of the collector's certificate",
            "set OTEL_EXPORTER_OTLP_CERTIFICATE in the service's environment, and SSL_CERT_FILE \
             for the doctor, to the CA file"
                .to_owned(),
        ),
        _ => (
            "the server is not an OTLP receiver, or requires TLS",
            "give the address of the OTLP receiver, port 4318 for HTTP or 4317 for gRPC, with \
             https:// for TLS"
                .to_owned(),
        ),
    };
    Finding::new(format!("an empty export to {url} failed: {error}"), why, fix)
}
