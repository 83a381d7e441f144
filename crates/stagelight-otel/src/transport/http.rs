//! OTLP over HTTP with protobuf bodies.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(not(feature = "gzip"))]
#[path = "http/gzip_off.rs"]
mod gzip;

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
        Answer, Route, Transport,
        client::{Connector, broken, connector, cut},
    },
};

/// An answer is a handful of bytes; what is longer is not one.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// OTLP over HTTP with protobuf bodies.
#[derive(Debug)]
struct HttpTransport {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
}

/// What a collector sends with an error: `google.rpc.Status`, of which this much is of use.
#[derive(prost::Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

pub(super) fn open(route: Route<'_>) -> Result<Box<dyn Transport>, StartError> {
    let Route { uri, mut headers, compression, tls } = route;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if compression == Compression::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let mut client = Client::builder(TokioExecutor::new());
    let client = client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
    let client = client.build(connector(tls, false)?);
    Ok(Box::new(HttpTransport { client, uri, headers, compression }))
}

// === impl HttpTransport ===

impl HttpTransport {
    async fn post(&self, body: Bytes) -> Result<Bytes, DeliveryError> {
        let response = self.client.request(self.request(body)?).await;
        let response = response.map_err(|it| broken(&self.uri, it))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|it| broken(&self.uri, io::Error::other(it)))?.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        Err(self.refused(&Response::from_parts(head, body)))
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, DeliveryError> {
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip::compress(&body).map_err(|it| broken(&self.uri, it))?,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        Ok(request)
    }

    fn refused(&self, response: &Response<Bytes>) -> DeliveryError {
        let status = response.status();
        // The list is the specification's; a redirect is not followed.
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
    fn send(&self, body: Bytes) -> Answer<'_> {
        Box::pin(self.post(body))
    }
}

fn message_in(response: &Response<Bytes>) -> String {
    let is_protobuf = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes() == b"application/x-protobuf");
    if is_protobuf {
        let status: Option<Status> = prost::Message::decode(response.body().clone()).ok();
        return cut(&status.map(|it| it.message).unwrap_or_default());
    }
    cut(&String::from_utf8_lossy(response.body()))
}

/// Reads `retry-after` in seconds; its other form, a date, is for people.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
