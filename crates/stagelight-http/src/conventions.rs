//! OpenTelemetry's HTTP conventions (1.44): label values and span fields.

use http::{Method, StatusCode, Version, request::Parts};
use stagelight_core::catalog::labels::{HttpRequestMethod, NetworkProtocolVersion, UrlScheme};
use tracing::Span;

/// The label values from a request's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    pub(crate) method: HttpRequestMethod,
    pub(crate) scheme: UrlScheme,
    pub(crate) version: NetworkProtocolVersion,
}

// === impl Labels ===

impl Labels {
    pub(crate) fn from_parts(parts: &Parts, default_scheme: UrlScheme) -> Self {
        // HTTP/1 requests name no scheme, and clients can send any other.
        let scheme = parts.uri.scheme_str().and_then(UrlScheme::from_label);
        let scheme = scheme.unwrap_or(default_scheme);
        Self { method: method_label(&parts.method), scheme, version: version_label(parts.version) }
    }
}

/// Returns the method if it is registered, and `_OTHER` otherwise, because clients can send any.
pub(crate) fn method_label(method: &Method) -> HttpRequestMethod {
    HttpRequestMethod::from_label(method.as_str()).unwrap_or(HttpRequestMethod::Other)
}

/// Returns the method as part of a span's name, where `_OTHER` becomes `HTTP`.
pub(crate) fn method_in_span_name(method: HttpRequestMethod) -> &'static str {
    if method == HttpRequestMethod::Other { "HTTP" } else { method.as_str() }
}

/// Returns the value of `network.protocol.version`.
pub(crate) fn version_label(version: Version) -> NetworkProtocolVersion {
    match version {
        Version::HTTP_09 => NetworkProtocolVersion::Http09,
        Version::HTTP_10 => NetworkProtocolVersion::Http10,
        Version::HTTP_2 => NetworkProtocolVersion::Http2,
        Version::HTTP_3 => NetworkProtocolVersion::Http3,
        _ => NetworkProtocolVersion::Http11,
    }
}

/// Returns the default port of `http` and `https`.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Splits `host:port`. Removes the brackets of an IPv6 address.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    let (host, port) = match authority.rsplit_once(':') {
        // A colon before the closing bracket belongs to the address.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    (host, port)
}

/// Returns `true` if HTTP sends no body with this response, whatever the handler returned.
///
/// Servers drop such a body without polling it.
pub(crate) fn has_no_body(method: HttpRequestMethod, status: StatusCode) -> bool {
    method == HttpRequestMethod::Head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || (method == HttpRequestMethod::Connect && status.is_success())
}

/// Sets `error.type` and the span status. Does nothing on a span that does not declare the fields.
pub(crate) fn record_error(span: &Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "ERROR");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_methods_become_labels() {
        for known in [
            "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
        ] {
            let method = Method::from_bytes(known.as_bytes()).unwrap();
            assert_eq!(method_label(&method).as_str(), known);
        }
        for unknown in ["get", "BREW", "PROPFIND"] {
            let method = Method::from_bytes(unknown.as_bytes()).unwrap();
            assert_eq!(method_label(&method).as_str(), "_OTHER");
            assert_eq!(method_in_span_name(method_label(&method)), "HTTP");
        }
    }

    #[track_caller]
    fn check_host(authority: &str, host: &str, port: Option<u16>) {
        assert_eq!(host_and_port(authority), (host, port));
    }

    #[test]
    fn host_and_port_are_split() {
        check_host("example.com", "example.com", None);
        check_host("example.com:8080", "example.com", Some(8080));
        check_host("[::1]:8080", "::1", Some(8080));
        check_host("[::1]", "::1", None);
        check_host("example.com:no", "example.com", None);
        check_host("", "", None);
    }

    #[test]
    fn responses_without_a_body_are_known() {
        assert!(has_no_body(HttpRequestMethod::Head, StatusCode::OK));
        assert!(has_no_body(HttpRequestMethod::Get, StatusCode::NO_CONTENT));
        assert!(has_no_body(HttpRequestMethod::Get, StatusCode::NOT_MODIFIED));
        assert!(has_no_body(HttpRequestMethod::Get, StatusCode::SWITCHING_PROTOCOLS));
        assert!(has_no_body(HttpRequestMethod::Connect, StatusCode::OK));
        assert!(!has_no_body(HttpRequestMethod::Connect, StatusCode::BAD_GATEWAY));
        assert!(!has_no_body(HttpRequestMethod::Get, StatusCode::OK));
        assert!(!has_no_body(HttpRequestMethod::Post, StatusCode::RESET_CONTENT));
    }

    #[test]
    fn versions_follow_the_conventions() {
        let written = [
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ]
        .map(|it| version_label(it).as_str());
        assert_eq!(written, ["0.9", "1.0", "1.1", "2", "3"]);
    }
}
