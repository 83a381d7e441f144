//! The span of a server request.

use http::{HeaderMap, header, request::Parts};
use stagelight_core::catalog::labels::HttpRequestMethod;
use tracing::{Span, field::Empty};

use super::{request_id::RequestId, route::Route};
use crate::conventions::{Labels, host_and_port, method_in_span_name};

/// Opens the request's span with the fields that the conventions (1.44) require of an HTTP server.
///
/// Leaves out the query, which may hold secrets, and all headers except `host` and `user-agent`.
pub(crate) fn open(parts: &Parts, labels: &Labels, route: &Route, request_id: &RequestId) -> Span {
    let (address, port) = server(parts);
    let template = route.template();
    let is_other = labels.method == HttpRequestMethod::Other;
    let original_method = is_other.then(|| parts.method.as_str());
    tracing::info_span!(
        target: "stagelight",
        "http.request",
        otel.name = format_args!(
            "{}{}{}",
            method_in_span_name(labels.method),
            if template.is_some() { " " } else { "" },
            template.unwrap_or_default(),
        ),
        otel.kind = "server",
        otel.status_code = Empty,
        stagelight.endpoint = route.endpoint(),
        outcome = Empty,
        request_id = request_id.as_str(),
        http.request.method = labels.method.as_str(),
        http.request.method_original = original_method,
        http.route = template,
        http.response.status_code = Empty,
        url.scheme = labels.scheme.as_str(),
        url.path = parts.uri.path(),
        server.address = address,
        server.port = port,
        network.protocol.version = labels.version.as_str(),
        user_agent.original = text(&parts.headers, header::USER_AGENT),
        error.type = Empty,
    )
}

/// Returns the value of a header by its lower-case name. Leaves out values other than text.
pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().filter_map(|it| it.to_str().ok());
    let first = values.next()?.to_owned();
    // `tracestate` and `baggage` may be split over several header lines.
    Some(values.fold(first, |all, it| all + "," + it))
}

/// Returns the host and port that the client sent the request to, if the request names them.
fn server(parts: &Parts) -> (Option<&str>, Option<u16>) {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let Some(authority) = authority.or_else(|| text(&parts.headers, header::HOST)) else {
        return (None, None);
    };
    let (host, port) = host_and_port(authority);
    (Some(host), port)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
