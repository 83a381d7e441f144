//! The words of OpenTelemetry's HTTP conventions (1.44) for what an exchange shows.

use http::{Method, StatusCode, Version, request::Parts};

/// The attributes that are known from the request's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) version: &'static str,
}

// === impl Labels ===

impl Labels {
    pub(crate) fn of(parts: &Parts, default_scheme: &'static str) -> Self {
        let scheme = match parts.uri.scheme_str() {
            Some("http") => "http",
            Some("https") => "https",
            // HTTP/1 requests do not say, and whatever else a client writes is no label.
            _ => default_scheme,
        };
        Self { method: method_label(&parts.method), scheme, version: version_label(parts.version) }
    }
}

/// Returns the method if it is a registered one, and `_OTHER` if not: any client can make one up.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        "QUERY" => "QUERY",
        _ => "_OTHER",
    }
}

/// Returns the method's place in a span's name, where `_OTHER` reads `HTTP`.
pub(crate) fn method_in_span_name(label: &'static str) -> &'static str {
    if label == "_OTHER" { "HTTP" } else { label }
}

/// Returns the protocol version as `network.protocol.version` writes it.
pub(crate) fn version_label(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// Returns the port of a scheme, if the scheme is one of HTTP's.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Splits `host:port`, leaving out the port if there is none and the brackets of an IPv6 address.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    let (host, port) = match authority.rsplit_once(':') {
        // A colon before the closing bracket is part of the address.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    (host, port)
}

/// Returns whether HTTP sends no body with this answer, whatever the handler returned.
///
/// Servers drop such a body without polling it, so it must not be waited for.
pub(crate) fn has_no_body(method: &str, status: StatusCode) -> bool {
    method == "HEAD"
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || (method == "CONNECT" && status.is_success())
}

#[cfg(test)]
mod tests;
