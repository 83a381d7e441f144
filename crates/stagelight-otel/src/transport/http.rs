//! OTLP over HTTP with protobuf bodies.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{
    config::Compression,
    delivery::DeliveryError,
    start_error::StartError,
    transport::{
        ResponseFuture, Transport, TransportConfig,
        client::{Connector, connection_error, connector, truncate_message},
    },
};

/// Maximum length of a response; a valid one has a few bytes.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

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

    async fn post(&self, body: Bytes) -> Result<Bytes, DeliveryError> {
        let response = self.client.request(self.request(body)?).await;
        let response = response.map_err(|it| connection_error(&self.uri, it))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await;
        let body = body.map_err(|it| connection_error(&self.uri, io::Error::other(it)))?.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        Err(self.refused(&Response::from_parts(head, body)))
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

    fn refused(&self, response: &Response<Bytes>) -> DeliveryError {
        let status = response.status();
        // The specification's list. Redirects are not followed.
        let transient = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        DeliveryError::Refused {
            endpoint: self.uri.to_string(),
            status: status.as_str().to_owned(),
            message: message_in(response),
            transient: transient.contains(&status),
            retry_after: retry_after(response.headers()),
        }
    }
}

impl Transport for HttpTransport {
    fn send(&self, body: Bytes) -> ResponseFuture<'_> {
        Box::pin(self.post(body))
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

fn message_in(response: &Response<Bytes>) -> String {
    let is_protobuf = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes() == b"application/x-protobuf");
    if is_protobuf {
        let status: Option<Status> = prost::Message::decode(response.body().clone()).ok();
        return truncate_message(&status.map(|it| it.message).unwrap_or_default());
    }
    truncate_message(&String::from_utf8_lossy(response.body()))
}

/// Parses `retry-after` in seconds; its other form, a date, is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
