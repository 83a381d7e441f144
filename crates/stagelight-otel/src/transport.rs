//! Sends one encoded request to a collector and returns its answer.
//!
//! One HTTP client serves both protocols; gRPC is HTTP/2 with tonic's framing around it. Nothing is retried here.

#[cfg(any(feature = "grpc", feature = "http"))]
mod client;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(not(feature = "grpc"))]
#[path = "transport/grpc_off.rs"]
mod grpc;
#[cfg(feature = "http")]
mod http;
#[cfg(not(feature = "http"))]
#[path = "transport/http_off.rs"]
mod http;

use std::{fmt, pin::Pin};

use ::http::{HeaderMap, HeaderValue, Uri, header::USER_AGENT, uri::Scheme};
use bytes::Bytes;

use crate::{
    config::{Compression, OtlpConfig, Protocol, TlsFiles},
    delivery::DeliveryError,
    signal::Signal,
    start_error::StartError,
};

/// An answer that is still to come.
pub(crate) type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Bytes, DeliveryError>> + Send + 'a>>;

/// A way to one collector for one signal.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends an encoded export request; the answer is an encoded export response.
    fn send(&self, body: Bytes) -> Answer<'_>;
}

/// What a transport needs to know.
#[cfg_attr(
    not(any(feature = "grpc", feature = "http")),
    expect(dead_code, reason = "without a protocol there is nobody to know it")
)]
struct Route<'a> {
    uri: Uri,
    /// The user's headers and ours.
    headers: HeaderMap,
    compression: Compression,
    tls: &'a TlsFiles,
}

/// Opens the way that the settings describe, and returns it with the collector's address. Connects when first used.
pub(crate) fn open(
    otlp: &OtlpConfig,
    signal: Signal,
) -> Result<(Box<dyn Transport>, Uri), StartError> {
    let endpoint = otlp.endpoint.clone();
    let endpoint = endpoint.unwrap_or_else(|| crate::config::Endpoint::default_for(otlp.protocol));
    let uri = endpoint.resolve(otlp.protocol, otlp.insecure, signal)?;
    if uri.scheme() == Some(&Scheme::HTTPS) && !cfg!(feature = "tls") {
        return Err(StartError::FeatureOff { wanted: uri.to_string(), feature: "tls" });
    }
    if otlp.compression == Compression::Gzip && !cfg!(feature = "gzip") {
        return Err(StartError::FeatureOff {
            wanted: "compression with gzip".to_owned(),
            feature: "gzip",
        });
    }
    let mut headers = otlp.headers.clone();
    let agent = concat!("stagelight-otel/", env!("CARGO_PKG_VERSION"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
    let route = Route { uri: uri.clone(), headers, compression: otlp.compression, tls: &otlp.tls };
    let transport = match otlp.protocol {
        Protocol::Grpc => grpc::open(route)?,
        Protocol::HttpProtobuf => http::open(route)?,
    };
    Ok((transport, uri))
}

/// Returns the address without its path, for messages.
pub(crate) fn origin_of(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |it| it.as_str());
    format!("{scheme}://{authority}")
}
