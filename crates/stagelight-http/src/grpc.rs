//! What HTTP headers and trailers say about a gRPC call.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use stagelight_core::{Outcome, catalog::labels::HttpRequestMethod};

use crate::{
    conventions::has_no_body,
    outcome::{EndReason, Side},
};

/// The status of a gRPC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrpcStatus(usize);

/// What the head of a response says about gRPC.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GrpcHead {
    pub(crate) is_grpc: bool,
    /// The status in the head of a trailers-only response.
    status: Option<GrpcStatus>,
}

/// The names of the status codes, as OpenTelemetry and gRPC write them.
const NAMES: [&str; 17] = [
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

// === impl GrpcStatus ===

impl GrpcStatus {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const CANCELLED: Self = Self(1);
    pub(crate) const UNKNOWN: Self = Self(2);
    pub(crate) const DEADLINE_EXCEEDED: Self = Self(4);

    /// The codes of server errors according to OpenTelemetry's RPC conventions. All others except
    /// `OK` are errors of the client.
    const SERVER_ERRORS: [Self; 6] =
        [Self::UNKNOWN, Self::DEADLINE_EXCEEDED, Self(12), Self(13), Self(14), Self(15)];

    /// Returns the status from trailers, or from the headers of a trailers-only response.
    ///
    /// A code that gRPC does not define counts as `UNKNOWN`, as gRPC requires.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok();
        let code = code.and_then(|it| it.parse().ok()).filter(|it| *it < NAMES.len());
        Some(code.map_or(Self::UNKNOWN, Self))
    }

    /// Returns the name if the status is an error to this side.
    pub(crate) fn error_type(self, side: Side) -> Option<&'static str> {
        let is_error = match side {
            Side::Server => Self::SERVER_ERRORS.contains(&self),
            Side::Client => self != Self::OK,
        };
        is_error.then(|| NAMES[self.0])
    }

    /// Returns the outcome of a call with this status.
    pub(crate) fn outcome(self, side: Side) -> Outcome {
        match self {
            Self::DEADLINE_EXCEEDED => Outcome::Timeout,
            Self::CANCELLED => Outcome::Cancelled,
            _ if self.error_type(side).is_some() => Outcome::Error,
            _ => Outcome::Ok,
        }
    }
}

// === impl GrpcHead ===

impl GrpcHead {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let is_grpc = is_grpc(headers);
        let status = if is_grpc { GrpcStatus::from_headers(headers) } else { None };
        Self { is_grpc, status }
    }

    /// Returns the `error.type` of the head, if it has an error.
    pub(crate) fn error_type(self, side: Side) -> Option<&'static str> {
        self.status?.error_type(side)
    }

    /// Returns why the response to this method with this HTTP status ended, if its body ended for
    /// `reason`.
    ///
    /// A gRPC response that ends without a status counts as `UNKNOWN`, as gRPC requires.
    pub(crate) fn reason(
        self,
        reason: EndReason,
        method: HttpRequestMethod,
        http_status: StatusCode,
    ) -> EndReason {
        let needs_status =
            self.is_grpc && http_status == StatusCode::OK && !has_no_body(method, http_status);
        match (reason, self.status) {
            (EndReason::Complete, Some(status)) => EndReason::GrpcStatus(status),
            (EndReason::Complete, None) if needs_status => {
                EndReason::GrpcStatus(GrpcStatus::UNKNOWN)
            }
            // Any response may have trailers of this name.
            (EndReason::GrpcStatus(_), _) if !self.is_grpc => EndReason::Complete,
            _ => reason,
        }
    }
}

/// Returns `true` if the content type is `application/grpc`, with or without a suffix.
///
/// Not for `application/grpc-web`, which has no trailers.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = after_content_type(headers, "application/grpc");
    matches!(rest, Some([] | [b'+' | b';' | b' ', ..]))
}

/// Returns `true` if the content type starts with `prefix`, in any case.
pub(crate) fn has_content_type(headers: &HeaderMap, prefix: &str) -> bool {
    after_content_type(headers, prefix).is_some()
}

/// Returns the rest of a content type that starts with `prefix`, in any case.
fn after_content_type<'a>(headers: &'a HeaderMap, prefix: &str) -> Option<&'a [u8]> {
    let (start, rest) = headers.get(CONTENT_TYPE)?.as_bytes().split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

/// Returns the time limit that the client of a call sets: `grpc-timeout`, such as `100m`.
pub(crate) fn time_limit(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    // At most eight digits, so that no product overflows.
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn header(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[track_caller]
    fn check(code: &'static str, server: (Outcome, &str), client: (Outcome, &str)) {
        let status = GrpcStatus::from_headers(&header("grpc-status", code)).unwrap();
        for (side, expected) in [(Side::Server, server), (Side::Client, client)] {
            let error_type = status.error_type(side).unwrap_or_default();
            assert_eq!((status.outcome(side), error_type), expected, "{code} {side:?}");
        }
    }

    #[test]
    fn each_code_has_an_outcome_on_either_side() {
        use Outcome::{Cancelled, Error, Ok, Timeout};
        check("0", (Ok, ""), (Ok, ""));
        check("1", (Cancelled, ""), (Cancelled, "CANCELLED"));
        check("2", (Error, "UNKNOWN"), (Error, "UNKNOWN"));
        check("4", (Timeout, "DEADLINE_EXCEEDED"), (Timeout, "DEADLINE_EXCEEDED"));
        for (code, name) in [
            ("12", "UNIMPLEMENTED"),
            ("13", "INTERNAL"),
            ("14", "UNAVAILABLE"),
            ("15", "DATA_LOSS"),
            ("17", "UNKNOWN"),
            ("-1", "UNKNOWN"),
            ("no", "UNKNOWN"),
        ] {
            check(code, (Error, name), (Error, name));
        }
        for (code, name) in [
            ("3", "INVALID_ARGUMENT"),
            ("5", "NOT_FOUND"),
            ("6", "ALREADY_EXISTS"),
            ("7", "PERMISSION_DENIED"),
            ("8", "RESOURCE_EXHAUSTED"),
            ("9", "FAILED_PRECONDITION"),
            ("10", "ABORTED"),
            ("11", "OUT_OF_RANGE"),
            ("16", "UNAUTHENTICATED"),
        ] {
            check(code, (Ok, ""), (Error, name));
        }
    }

    #[test]
    fn content_types_of_grpc_are_known() {
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "Application/GRPC;x",
            "application/grpc ; x",
        ] {
            assert!(is_grpc(&header("content-type", value)), "{value}");
        }
        for value in [
            "application/json",
            "application/grp",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpcx",
            "",
        ] {
            assert!(!is_grpc(&header("content-type", value)), "{value}");
        }
    }

    #[test]
    fn time_limits_have_six_units() {
        for (value, expected) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("100m", Some(Duration::from_millis(100))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000S", None),
            ("1h", None),
            ("S", None),
            ("", None),
        ] {
            assert_eq!(time_limit(&header("grpc-timeout", value)), expected, "{value}");
        }
    }
}
