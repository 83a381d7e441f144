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
    let rejected = match answer {
        SinkAnswer::Take => 0,
        SinkAnswer::Unavailable => {
            return (StatusCode::SERVICE_UNAVAILABLE, "unavailable").into_response();
        }
        SinkAnswer::Refuse => return (StatusCode::BAD_REQUEST, "no, thank you").into_response(),
        SinkAnswer::Reject(count) => i64::from(count),
    };
    let is_gzip = headers.get("content-encoding").is_some_and(|it| it == "gzip");
    match decode(&received, uri.path(), &body, is_gzip) {
        Some(()) => accepted(rejected),
        None => {
            received.decode_errors.fetch_add(1, Relaxed);
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "cannot decode this").into_response()
        }
    }
}

fn decode(received: &Received, path: &str, body: &[u8], is_gzip: bool) -> Option<()> {
    let mut plain = Vec::new();
    if is_gzip {
        GzDecoder::new(body).read_to_end(&mut plain).ok()?;
    } else {
        plain.extend_from_slice(body);
    }
    if path.ends_with("traces") {
        received.accept_traces(Message::decode(plain.as_slice()).ok()?);
    } else {
        received.accept_metrics(Message::decode(plain.as_slice()).ok()?);
    }
    Some(())
}

/// The response for metrics has the same shape on the wire.
fn accepted(rejected: i64) -> Response {
    let partial_success = (0 < rejected).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: "too many".to_owned(),
    });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    ([(CONTENT_TYPE, "application/x-protobuf")], body).into_response()
}
