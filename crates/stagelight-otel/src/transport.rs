//! Sends one encoded request to a collector and returns the response.
//!
//! Both protocols use the same HTTP client; gRPC adds tonic's framing over HTTP/2. A transport does
//! not retry.

#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
mod client;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-http")]
mod http;
pub(crate) mod connect;

use std::{fmt, pin::Pin};

use ::http::{HeaderMap, Uri};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    config::{Compression, TlsFiles},
    delivery::DeliveryError,
};

/// The response to an export request.
pub(crate) type ResponseFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Bytes, DeliveryError>> + Send + 'a>>;

/// Sends the requests of one signal to one collector.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends an encoded export request and returns the encoded export response. The caller drops
    /// the future at `deadline`.
    fn send(&self, body: Bytes, deadline: Instant) -> ResponseFuture<'_>;
}

/// Settings of a transport.
#[cfg_attr(
    not(any(feature = "otlp-grpc", feature = "otlp-http")),
    expect(dead_code, reason = "read by the protocols, which are disabled")
)]
struct TransportConfig<'a> {
    uri: Uri,
    /// The configured headers and `user-agent`.
    headers: HeaderMap,
    compression: Compression,
    tls: &'a TlsFiles,
}

/// Returns the address without its path, for messages.
pub(crate) fn origin_of(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |it| it.as_str());
    format!("{scheme}://{authority}")
}
