//! Asks over HTTP, directly and without following anybody elsewhere, and tells the ways in which that can fail apart.

mod error;
mod credentials;
#[cfg(feature = "tls")]
mod connector_tls;
#[cfg(not(feature = "tls"))]
mod connector_plain;

#[cfg(not(feature = "tls"))]
use connector_plain as connector;
#[cfg(feature = "tls")]
use connector_tls as connector;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, Version, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

pub(crate) use credentials::{CredentialError, Credentials};
pub(crate) use error::ProbeError;

use connector::Connector;

/// Longest time for one question: longer than a healthy server ever takes, shorter than the patience of who waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// What HTTP's dates leave out, on average.
const HALF: Duration = Duration::from_millis(500);
/// How much of an answer is shown in a message, in characters.
const SHOWN: usize = 200;

/// Asks over HTTP/1.1, and HTTP/2 where gRPC needs it.
///
/// Proxies that the environment names are not used, and redirects not followed: who answers is to be who was asked.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    http1: Client<Connector, Full<Bytes>>,
    http2: Client<Connector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Headers, and trailers after them.
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// How far the server's clock is ahead of ours, in seconds, if it said the time.
    ///
    /// HTTP's dates have no fractions: the truth is within a second of it.
    pub(crate) clock_ahead: Option<f64>,
}

// === impl HttpClient ===

impl HttpClient {
    pub(crate) fn new() -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        // Each question has a connection of its own: one that somebody closed in between tells nothing.
        builder.pool_max_idle_per_host(0).pool_timer(TokioTimer::new());
        let http1 = builder.build(connector::connector(false));
        Self { http1, http2: builder.http2_only(true).build(connector::connector(true)) }
    }

    /// Asks with `GET`; an answer that is no success is an error.
    pub(crate) async fn get(
        &self,
        url: &str,
        credentials: &Credentials,
    ) -> Result<Response, ProbeError> {
        self.ask(Method::GET, url, credentials, None).await?.success()
    }

    /// Asks with `POST`; any answer will do.
    pub(crate) async fn post(
        &self,
        url: &str,
        credentials: &Credentials,
        body: (&'static str, &'static [u8]),
    ) -> Result<Response, ProbeError> {
        self.ask(Method::POST, url, credentials, Some((body, Version::HTTP_11))).await
    }

    /// Calls a gRPC method with one encoded message; any answer will do.
    pub(crate) async fn call(
        &self,
        url: &str,
        credentials: &Credentials,
        message: &'static [u8],
    ) -> Result<Response, ProbeError> {
        let body = ("application/grpc", message);
        self.ask(Method::POST, url, credentials, Some((body, Version::HTTP_2))).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        credentials: &Credentials,
        body: Option<((&'static str, &'static [u8]), Version)>,
    ) -> Result<Response, ProbeError> {
        let uri: Uri = url.parse().map_err(|_| ProbeError::Unresolved)?;
        if uri.scheme_str() == Some("https") && !connector::KNOWS_TLS {
            return Err(ProbeError::TlsNotBuilt);
        }
        let mut request = Request::builder().method(method).uri(uri);
        let version = body.map_or(Version::HTTP_11, |it| it.1);
        if let Some(((content_type, _), version)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
            if version == Version::HTTP_2 {
                request = request.header(header::TE, "trailers");
            }
        }
        for (name, value) in credentials.headers() {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from_static(body.map_or(&[], |it| it.0.1)));
        let request =
            request.body(body).map_err(|error| ProbeError::Disconnected(error.to_string()))?;
        let client = if version == Version::HTTP_2 { &self.http2 } else { &self.http1 };
        let asked = SystemTime::now();
        let answer = timeout(PATIENCE, Response::read(client, request, asked)).await;
        answer.unwrap_or(Err(ProbeError::TimedOut(PATIENCE)))
    }
}

// === impl Response ===

impl Response {
    async fn read(
        client: &Client<Connector, Full<Bytes>>,
        request: Request<Full<Bytes>>,
        asked: SystemTime,
    ) -> Result<Self, ProbeError> {
        let response = client.request(request).await.map_err(|it| ProbeError::of(&it))?;
        let round_trip = asked.elapsed().unwrap_or_default();
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|it| ProbeError::of(&it))?;
        let mut headers = head.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let date = headers.get(header::DATE).and_then(|it| it.to_str().ok());
        let date = date.and_then(|it| httpdate::parse_http_date(it).ok());
        let clock_ahead = date.map(|it| seconds_between(asked + round_trip / 2, it + HALF));
        Ok(Self { status: head.status.as_u16(), headers, body, clock_ahead })
    }

    /// Returns the answer if it is a success, or what it is instead.
    pub(crate) fn success(self) -> Result<Self, ProbeError> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.as_error()) }
    }

    /// Returns the error that the status stands for.
    pub(crate) fn as_error(&self) -> ProbeError {
        // What Go's servers say, in plain text, to those who do not speak TLS.
        if self.status == 400 && self.body.contains("HTTP request to an HTTPS server") {
            return ProbeError::TlsRequired;
        }
        let says: String = self.body.trim().chars().take(SHOWN).collect();
        ProbeError::Status { code: self.status, says: says.replace(char::is_control, " ") }
    }
}

/// Returns how much later the second time is, in seconds; both within a few thousand years.
fn seconds_between(first: SystemTime, second: SystemTime) -> f64 {
    match second.duration_since(first) {
        Ok(later) => later.as_secs_f64(),
        Err(earlier) => -earlier.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests;
