//! The HTTP client: one connection per request, no proxies, no redirects, classified errors.
//!
//! hyper-util and not reqwest: reqwest has either rustls with aws-lc-rs or rustls without a
//! provider, and the second makes every other reqwest client of the build panic.

mod credentials;
mod error;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full};
#[cfg(feature = "tls")]
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

pub(crate) use credentials::{CredentialError, Credentials};
pub(crate) use error::ProbeError;

#[cfg(feature = "tls")]
type Connector = HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Timeout of a request: longer than a healthy server takes.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The average of the fraction that HTTP dates omit.
const HALF_SECOND: Duration = Duration::from_millis(500);
/// Characters of a response body quoted in a message.
const QUOTED: usize = 200;

/// Sends requests over HTTP/1.1, and over HTTP/2 with prior knowledge for gRPC.
///
/// Ignores proxies and redirects, so that the response comes from the given address.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    http1: Client<Connector, Full<Bytes>>,
    http2: Client<Connector, Full<Bytes>>,
}

/// A complete response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Headers, followed by trailers.
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// How far the server's clock is ahead of ours, in seconds, according to its `Date` header.
    ///
    /// Accurate to a second: HTTP dates have no fractions.
    pub(crate) clock_ahead: Option<f64>,
}

// === impl HttpClient ===

impl HttpClient {
    pub(crate) fn new() -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        // A connection per request: a pooled one may have been closed by the server.
        builder.pool_max_idle_per_host(0).pool_timer(TokioTimer::new());
        let http1 = builder.build(connector(false));
        Self { http1, http2: builder.http2_only(true).build(connector(true)) }
    }

    /// Sends a `GET`; a non-success status is an error.
    pub(crate) async fn get(
        &self,
        url: &str,
        credentials: &Credentials,
    ) -> Result<Response, ProbeError> {
        send(&self.http1, Request::get(uri(url)?), credentials, &[]).await?.success()
    }

    /// Sends a `POST`; returns the response whatever its status.
    pub(crate) async fn post(
        &self,
        url: &str,
        credentials: &Credentials,
        content_type: &str,
        body: &'static [u8],
    ) -> Result<Response, ProbeError> {
        let request = Request::post(uri(url)?).header(header::CONTENT_TYPE, content_type);
        send(&self.http1, request, credentials, body).await
    }

    /// Calls a unary gRPC method with one encoded message; returns the response whatever its
    /// status.
    pub(crate) async fn call(
        &self,
        url: &str,
        credentials: &Credentials,
        message: &'static [u8],
    ) -> Result<Response, ProbeError> {
        let request = Request::builder().method(Method::POST).uri(uri(url)?);
        let request = request.header(header::CONTENT_TYPE, "application/grpc");
        send(&self.http2, request.header(header::TE, "trailers"), credentials, message).await
    }
}

/// Parses a URL; `https://` requires the feature `tls`.
fn uri(url: &str) -> Result<Uri, ProbeError> {
    let uri: Uri = url.parse().map_err(|_| ProbeError::Unresolved)?;
    if uri.scheme_str() == Some("https") && !cfg!(feature = "tls") {
        return Err(ProbeError::TlsNotBuilt);
    }
    Ok(uri)
}

async fn send(
    client: &Client<Connector, Full<Bytes>>,
    mut request: http::request::Builder,
    credentials: &Credentials,
    body: &'static [u8],
) -> Result<Response, ProbeError> {
    for (name, value) in credentials.headers() {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from_static(body)));
    let request = request.map_err(|error| ProbeError::Disconnected(error.to_string()))?;
    let response = timeout(TIMEOUT, Response::read(client, request)).await;
    response.unwrap_or(Err(ProbeError::TimedOut(TIMEOUT)))
}

#[cfg(not(feature = "tls"))]
fn connector(_http2: bool) -> Connector {
    HttpConnector::new()
}

/// Returns a connector that trusts the system's certificate authorities.
#[cfg(feature = "tls")]
#[expect(clippy::expect_used, reason = "ring has cipher suites for both of rustls' versions")]
fn connector(http2: bool) -> Connector {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    let mut roots = rustls::RootCertStore::empty();
    // Without any, every certificate is rejected; http:// works.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    // An explicit provider: the process may have two compiled in and no default.
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    if http2 {
        builder.enable_http2().wrap_connector(plain)
    } else {
        builder.enable_http1().wrap_connector(plain)
    }
}

// === impl Response ===

impl Response {
    async fn read(
        client: &Client<Connector, Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Self, ProbeError> {
        let sent = SystemTime::now();
        let response = client.request(request).await.map_err(|it| ProbeError::from_client(&it))?;
        let round_trip = sent.elapsed().unwrap_or_default();
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|it| ProbeError::from_client(&it))?;
        let mut headers = head.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let date = headers.get(header::DATE).and_then(|it| it.to_str().ok());
        let date = date.and_then(|it| httpdate::parse_http_date(it).ok());
        let clock_ahead = date.map(|it| seconds_between(sent + round_trip / 2, it + HALF_SECOND));
        Ok(Self { status: head.status.as_u16(), headers, body, clock_ahead })
    }

    /// Returns the response if its status is a success, and the error for its status otherwise.
    pub(crate) fn success(self) -> Result<Self, ProbeError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        // The plain-text response of Go's TLS servers to plain HTTP.
        if self.status == 400 && self.body.contains("HTTP request to an HTTPS server") {
            return Err(ProbeError::TlsRequired);
        }
        let message: String = self.body.trim().chars().take(QUOTED).collect();
        let message = message.replace(char::is_control, " ");
        Err(ProbeError::Status { code: self.status, message })
    }
}

/// Returns the seconds from the first time to the second; negative if it is earlier.
fn seconds_between(first: SystemTime, second: SystemTime) -> f64 {
    match second.duration_since(first) {
        Ok(later) => later.as_secs_f64(),
        Err(earlier) => -earlier.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests;
