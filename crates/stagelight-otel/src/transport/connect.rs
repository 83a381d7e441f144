//! Creates the transport for a signal's settings.

use ::http::{HeaderValue, Uri, header::USER_AGENT, uri::Scheme};

#[cfg(feature = "otlp-grpc")]
use super::grpc::GrpcTransport;
#[cfg(feature = "otlp-http")]
use super::http::HttpTransport;
use super::{Transport, TransportConfig};
use crate::{
    config::{Compression, OtlpConfig, Protocol},
    signal::Signal,
    start_error::StartError,
};

/// Creates a transport and returns it with the address it sends to. Connects on the first request.
pub(crate) fn transport_for(
    otlp: &OtlpConfig,
    signal: Signal,
) -> Result<(Box<dyn Transport>, Uri), StartError> {
    let uri = otlp.address(signal)?;
    if uri.scheme() == Some(&Scheme::HTTPS) && !cfg!(feature = "tls") {
        return Err(missing_feature(&format!("endpoint {uri}"), "tls"));
    }
    if otlp.compression == Compression::Gzip && !cfg!(feature = "gzip") {
        return Err(missing_feature("gzip compression", "gzip"));
    }
    let mut headers = otlp.headers.clone();
    let agent = concat!("stagelight-otel/", env!("CARGO_PKG_VERSION"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
    let config = TransportConfig {
        uri: uri.clone(),
        headers,
        compression: otlp.compression,
        tls: &otlp.tls,
    };
    let transport = match otlp.protocol {
        Protocol::Grpc => grpc(config)?,
        Protocol::HttpProtobuf => http(config)?,
    };
    Ok((transport, uri))
}

#[cfg(feature = "otlp-grpc")]
fn grpc(config: TransportConfig<'_>) -> Result<Box<dyn Transport>, StartError> {
    Ok(Box::new(GrpcTransport::new(config)?))
}

#[cfg(not(feature = "otlp-grpc"))]
fn grpc(_config: TransportConfig<'_>) -> Result<Box<dyn Transport>, StartError> {
    Err(missing_feature("protocol grpc", "otlp-grpc"))
}

#[cfg(feature = "otlp-http")]
fn http(config: TransportConfig<'_>) -> Result<Box<dyn Transport>, StartError> {
    Ok(Box::new(HttpTransport::new(config)?))
}

#[cfg(not(feature = "otlp-http"))]
fn http(_config: TransportConfig<'_>) -> Result<Box<dyn Transport>, StartError> {
    Err(missing_feature("protocol http/protobuf", "otlp-http"))
}

fn missing_feature(setting: &str, feature: &'static str) -> StartError {
    StartError::MissingFeature { setting: setting.to_owned(), feature }
}
