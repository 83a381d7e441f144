//! The sink's HTTP side.

use std::{
    io::Read,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;

use super::{Received, SinkAnswer};

pub(super) async fn serve(listener: TcpListener, received: Arc<Received>) {
    let router =
        Router::new().fallback(receive).layer(DefaultBodyLimit::disable()).with_state(received);
    // Runs until its runtime ends.
    drop(axum::serve(listener, router).await);
}

/// Accepts requests on any path, so that tests can check the path.
async fn receive(
    State(received): State<Arc<Received>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let pairs = headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    received.head(uri.path(), pairs);
    let answer = *received.answer.lock();
    let is_gzip = headers.get("content-encoding").is_some_and(|it| it == "gzip");
    let Some(plain) = decompress(&body, is_gzip) else { return undecodable(&received) };
    let partial = match answer {
        SinkAnswer::Limit(limit) if limit < plain.len() => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "no, thank you").into_response();
        }
        SinkAnswer::Take | SinkAnswer::Limit(_) => None,
        SinkAnswer::Unavailable => {
            return (StatusCode::SERVICE_UNAVAILABLE, "unavailable").into_response();
        }
        SinkAnswer::Refuse => return (StatusCode::BAD_REQUEST, "no, thank you").into_response(),
        SinkAnswer::Reject(count) => Some((i64::from(count), "too many".to_owned())),
        SinkAnswer::Warn(message) => Some((0, message.to_owned())),
    };
    match decode(&received, uri.path(), &plain) {
        Some(()) => accepted(partial),
        None => undecodable(&received),
    }
}

fn undecodable(received: &Received) -> Response {
    received.decode_errors.fetch_add(1, Relaxed);
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "cannot decode this").into_response()
}

fn decompress(body: &[u8], is_gzip: bool) -> Option<Vec<u8>> {
    if !is_gzip {
        return Some(body.to_vec());
    }
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).ok()?;
    Some(plain)
}

fn decode(received: &Received, path: &str, plain: &[u8]) -> Option<()> {
    if path.ends_with("traces") {
        received.accept_traces(Message::decode(plain).ok()?);
    } else {
        received.accept_metrics(Message::decode(plain).ok()?);
    }
    Some(())
}

/// The response for metrics has the same shape on the wire.
fn accepted(partial: Option<(i64, String)>) -> Response {
    let partial_success = partial.map(|(rejected_spans, error_message)| {
        ExportTracePartialSuccess { rejected_spans, error_message }
    });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    ([(CONTENT_TYPE, "application/x-protobuf")], body).into_response()
}
