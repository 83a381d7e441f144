//! OTLP over HTTP with protobuf bodies.

mod retry_after;

use std::{io, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION},
    response::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    config::Compression,
    delivery::{DeliveryError, sanitize},
    start_error::StartError,
    transport::{
        ResponseFuture, Transport, TransportConfig,
        client::{Connector, MAX_RESPONSE_BYTES, connection_error, connector},
    },
};

/// Maximum time for the body of a response, which usually arrives with the head.
const MAX_BODY_TIME: Duration = Duration::from_secs(1);

/// Sends OTLP over HTTP with protobuf bodies.
#[derive(Debug)]
pub(super) struct HttpTransport {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
}

/// The body of an error response: `google.rpc.Status`, reduced to its message.
#[derive(prost::Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

// === impl HttpTransport ===

impl HttpTransport {
    pub(super) fn new(config: TransportConfig<'_>) -> Result<Self, StartError> {
        let TransportConfig { uri, mut headers, compression, tls } = config;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        let client = client.build(connector(tls, false)?);
        Ok(Self { client, uri, headers, compression })
    }

    async fn post(&self, body: Bytes, deadline: Instant) -> Result<Bytes, DeliveryError> {
        let response = self.client.request(self.request(body)?).await;
        let response = response.map_err(|it| connection_error(&self.uri, it))?;
        let (head, body) = response.into_parts();
        // A stalled body must not hide the head: an accepted request would be sent again.
        let limit = MAX_BODY_TIME.min((deadline - Instant::now()) / 2);
        let (body, is_complete) = read(body, Instant::now() + limit).await;
        if head.status.is_success() && !is_html(&head.headers) {
            // The head says that the request was accepted, whatever happens to the body.
            return Ok(if is_complete { body } else { Bytes::new() });
        }
        Err(self.refused(&head, body))
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, DeliveryError> {
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body).map_err(|it| connection_error(&self.uri, it))?,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        Ok(request)
    }

    fn refused(&self, head: &Parts, body: Bytes) -> DeliveryError {
        // The specification's list.
        let transient = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        DeliveryError::Refused {
            endpoint: self.uri.to_string(),
            status: head.status.as_str().to_owned(),
            message: message_in(head, body),
            transient: transient.contains(&head.status),
            retry_after: retry_after::delay(&head.headers),
        }
    }
}

impl Transport for HttpTransport {
    fn send(&self, body: Bytes, deadline: Instant) -> ResponseFuture<'_> {
        Box::pin(self.post(body, deadline))
    }
}

#[cfg(feature = "gzip")]
fn gzip(body: &[u8]) -> io::Result<Bytes> {
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), level);
    io::Write::write_all(&mut encoder, body)?;
    encoder.finish().map(Bytes::from)
}

/// Fails; unreachable, because settings with gzip were rejected before.
#[cfg(not(feature = "gzip"))]
fn gzip(_body: &[u8]) -> io::Result<Bytes> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads at most [`MAX_RESPONSE_BYTES`] until `end`; also returns whether the body was complete.
async fn read(mut body: impl BodyExt<Data = Bytes> + Unpin, end: Instant) -> (Bytes, bool) {
    let mut read = Vec::new();
    loop {
        let frame = match timeout_at(end, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return (read.into(), true),
            Ok(Some(Err(_))) | Err(_) => return (read.into(), false),
        };
        let Some(data) = frame.data_ref() else { continue };
        let room = MAX_RESPONSE_BYTES - read.len();
        if room < data.len() {
            read.extend_from_slice(&data[..room]);
            return (read.into(), false);
        }
        read.extend_from_slice(data);
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default()
}

/// Returns whether a web page was sent, which no OTLP receiver does.
fn is_html(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/html")
}

fn message_in(head: &Parts, body: Bytes) -> String {
    if head.status.is_redirection() {
        let location = head.headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let location = location.unwrap_or("another address");
        return sanitize(&format!("redirects are not followed, set the endpoint to {location}"));
    }
    if head.status.is_success() {
        return "a web page, so this is not an OTLP receiver".to_owned();
    }
    if content_type(&head.headers) == "application/x-protobuf" {
        let status: Option<Status> = prost::Message::decode(body).ok();
        return sanitize(&status.map(|it| it.message).unwrap_or_default());
    }
    sanitize(&String::from_utf8_lossy(&body))
}
