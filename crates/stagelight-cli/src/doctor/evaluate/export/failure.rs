//! Why an export fails, and what helps.

use super::{ServiceExporter, accepted_elsewhere, is_denied, probe_of, protocol_of};
use crate::doctor::{
    check::Check,
    evaluate::{Outcomes, number},
    finding::Finding,
    http::ProbeError,
    observations::{Observations, Probe},
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "set OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20TOKEN\" in the service's environment to \
     the token that the collector's authenticator has";

/// What an exporter's `error.type` says.
enum Kind {
    /// There is no connection, or no answer.
    Absent,
    /// The collector takes no more for now.
    Pressed,
    /// Credentials are missing or wrong.
    Denied,
    /// There is a server that does not know what is asked of it.
    Unknown,
    /// Anything else.
    Other,
}

// === impl Kind ===

impl Kind {
    /// Reads an HTTP status code, a gRPC status' name, or a word of the exporter's.
    fn of(error: &str) -> Self {
        match error {
            "connection" | "timeout" => Self::Absent,
            "429" | "502" | "503" | "504" | "Unavailable" | "ResourceExhausted" => Self::Pressed,
            "401" | "403" | "Unauthenticated" | "PermissionDenied" => Self::Denied,
            "404" | "405" | "415" | "Unimplemented" => Self::Unknown,
            _ => Self::Other,
        }
    }
}

/// Returns the link whose failure an export's failure comes from, if it is another.
pub(super) fn cause(
    error: &str,
    observations: &Observations,
    outcomes: &Outcomes,
) -> Option<Check> {
    match Kind::of(error) {
        // A collector that refuses everybody; but one that lets us in may still be at another address than the service's.
        Kind::Absent
            if observations.collector.probes.iter().any(|it| it.is_given && it.is_answered()) =>
        {
            None
        }
        Kind::Absent => outcomes.blocker(Check::Collector),
        Kind::Pressed => outcomes.first_blocker(&[Check::Collector, Check::Delivery]),
        Kind::Denied | Kind::Unknown | Kind::Other => None,
    }
}

/// Says why exporters that send to one place fail; nothing of none.
pub(super) fn finding(
    failing: &[(&ServiceExporter, f64)],
    error: &str,
    observations: &Observations,
) -> Option<Finding> {
    let (exporter, _) = failing.first()?;
    let ServiceExporter { protocol, to, .. } = exporter;
    let lost: Vec<_> =
        failing.iter().map(|(it, count)| format!("{} {}", number(*count), it.things)).collect();
    let lost = lost.join(" and ");
    let seen = format!("the service could not deliver {lost} to {to} by {protocol}: {error}");
    let (why, fix) = match Kind::of(error) {
        Kind::Absent => unreachable(exporter, observations),
        Kind::Pressed => (
            "the collector asks to wait".to_owned(),
            "see its own metrics and log for what is full".to_owned(),
        ),
        Kind::Denied => denied(to, observations),
        Kind::Unknown => unknown(exporter, observations),
        Kind::Other => (
            "the collector answered, and did not take it".to_owned(),
            "the service's log and the collector's say why".to_owned(),
        ),
    };
    Some(Finding::new(seen, why, fix).with_runbook("ServiceExportsFail"))
}

fn unreachable(exporter: &ServiceExporter, observations: &Observations) -> (String, String) {
    let to = &exporter.to;
    let probe = probe_of(observations, to);
    if let Some(probe) = probe.filter(|it| it.is_accepted()) {
        let spoken = protocol_of(probe);
        if !spoken.starts_with(exporter.protocol) {
            return (
                format!("{to} speaks {spoken}, and the service speaks {}", exporter.protocol),
                format!("set OTEL_EXPORTER_OTLP_PROTOCOL={spoken} in the service's environment"),
            );
        }
        return (
            format!(
                "an empty export from here to {to} is accepted: the service cannot reach it from where it runs"
            ),
            "look at what is between them: a container's network, a firewall, TLS (`https://`)"
                .to_owned(),
        );
    }
    if let Some(probe) = probe.filter(|it| it.is_answered()) {
        let is_tls = probe.failure() == Some(&ProbeError::TlsRequired);
        let what = if is_tls {
            "wants TLS"
        } else {
            "is answered by something that speaks no OTLP, or wants TLS"
        };
        return (
            format!("{to} {what}; the service speaks without, or does not trust its certificate"),
            format!(
                "if it is a collector with TLS, set {ENDPOINT}=https://{to} in the service's environment, and \
                 OTEL_EXPORTER_OTLP_CERTIFICATE to the file of the authority that signed its certificate"
            ),
        );
    }
    match accepted_elsewhere(observations, to) {
        Some(other) => (
            format!("nothing takes exports at {to}; the collector does at {}", other.url),
            format!(
                "set {ENDPOINT}={} and OTEL_EXPORTER_OTLP_PROTOCOL={} in the service's environment",
                other.url,
                protocol_of(other)
            ),
        ),
        None => (
            format!("nothing takes exports at {to}"),
            format!(
                "start a collector there, or set {ENDPOINT} in the service's environment to where it is"
            ),
        ),
    }
}

fn denied(to: &str, observations: &Observations) -> (String, String) {
    let probe = probe_of(observations, to)
        .or_else(|| observations.collector.probes.iter().find(|it| it.is_given));
    let is_ours_right =
        observations.collector.has_credentials && probe.is_some_and(Probe::is_accepted);
    let why = if is_ours_right {
        "the service's token is missing or wrong: the collector accepts the one that we have"
    } else if probe.is_some_and(|it| is_denied(&it.http) || is_denied(&it.grpc)) {
        "the collector wants a token, and the service's is missing or wrong"
    } else {
        "the service's token is missing or wrong"
    };
    (why.to_owned(), HEADERS.to_owned())
}

fn unknown(exporter: &ServiceExporter, observations: &Observations) -> (String, String) {
    let to = &exporter.to;
    match probe_of(observations, to).filter(|it| it.is_accepted()) {
        Some(probe) => (
            format!(
                "a receiver is there, at {}/v1/metrics: the service asks for another path, or protocol",
                probe.url
            ),
            format!("set {ENDPOINT}={} in the service's environment, without a path", probe.url),
        ),
        None => (
            format!("what listens at {to} is no OTLP receiver"),
            accepted_elsewhere(observations, to).map_or_else(
                || {
                    format!(
                        "set {ENDPOINT} in the service's environment to the collector's address"
                    )
                },
                |it| format!("set {ENDPOINT}={} in the service's environment", it.url),
            ),
        ),
    }
}

/// Says why an empty export of ours was refused.
pub(super) fn of_probe(probe: &Probe, error: &ProbeError, observations: &Observations) -> Finding {
    let url = &probe.url;
    let (why, fix) = match error {
        error if error.is_access_denied() && observations.collector.has_credentials => {
            ("the token is wrong", HEADERS.to_owned())
        }
        error if error.is_access_denied() => ("the collector wants a token", HEADERS.to_owned()),
        ProbeError::TlsRequired => {
            let secure = url.replacen("http://", "https://", 1);
            ("the collector wants TLS", format!("set {ENDPOINT}={secure}"))
        }
        ProbeError::NoTls => {
            let plain = url.replacen("https://", "http://", 1);
            ("the collector speaks no TLS", format!("set {ENDPOINT}={plain}"))
        }
        ProbeError::Status { code: 404 | 405 | 415, .. } => (
            "what listens there is no OTLP receiver, or it has another path",
            format!(
                "set {ENDPOINT} to the receiver's address without `/v1/metrics`; its port is 4318 for HTTP and 4317 for gRPC"
            ),
        ),
        ProbeError::Certificate(_) => (
            "nobody here knows the authority that signed the collector's certificate",
            "set OTEL_EXPORTER_OTLP_CERTIFICATE to the authority's file in the service's environment, and SSL_CERT_FILE in ours"
                .to_owned(),
        ),
        _ => (
            "what listens there is no OTLP receiver, or wants TLS",
            "an OTLP receiver's port is 4318 for HTTP and 4317 for gRPC; with TLS, its address begins with https://".to_owned(),
        ),
    };
    Finding::new(format!("an empty export to {url} failed: {error}"), why, fix)
}
