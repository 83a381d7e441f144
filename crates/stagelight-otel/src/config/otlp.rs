//! The OTLP exporter of one signal.

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{
    config::{Endpoint, EndpointError},
    signal::Signal,
};

/// The OTLP exporter of one signal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpConfig {
    /// The OTLP transport. `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub protocol: Protocol,
    /// The collector's address; `None` for the protocol's default. `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: Option<Endpoint>,
    /// Headers of each export; see [`set_header`](Self::set_header).
    /// `OTEL_EXPORTER_OTLP_HEADERS`.
    pub headers: HeaderMap,
    /// Limit for one export, retries included. `OTEL_EXPORTER_OTLP_TIMEOUT`.
    pub timeout: Duration,
    /// Compression of each export. `OTEL_EXPORTER_OTLP_COMPRESSION`.
    pub compression: Compression,
    /// Whether a gRPC address without a scheme is used without TLS. `OTEL_EXPORTER_OTLP_INSECURE`.
    pub insecure: bool,
    /// Certificates and keys for TLS.
    pub tls: TlsFiles,
}

/// Paths of PEM files, used with the feature `tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// Certificate authorities to trust; `None` for the system's. `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    pub authorities: Option<PathBuf>,
    /// The client's certificate. `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
    pub certificate: Option<PathBuf>,
    /// The client's private key. `OTEL_EXPORTER_OTLP_CLIENT_KEY`.
    pub key: Option<PathBuf>,
}

/// An OTLP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC; requires the feature `otlp-grpc`.
    Grpc,
    /// HTTP with protobuf bodies; requires the feature `otlp-http`.
    HttpProtobuf,
}

/// Compression of exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// gzip; requires the feature `gzip`.
    Gzip,
}

/// An invalid header. Does not hold the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid HTTP header {name:?}: expected a name of letters, digits and `-`, and a value of \
     printable ASCII"
)]
pub struct HeaderError {
    /// The header's name as given.
    pub name: String,
}

// === impl OtlpConfig ===

impl OtlpConfig {
    /// Sets a header of each export, for example an API key, replacing an earlier value.
    ///
    /// The value is marked sensitive, so `Debug` does not print it.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if name or value is not valid in HTTP.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let (name, value) = header(name, value)?;
        self.headers.insert(name, value);
        Ok(())
    }

    /// Returns the address that a signal is sent to.
    pub(crate) fn address(&self, signal: Signal) -> Result<Uri, EndpointError> {
        let default = Endpoint::default_for(self.protocol);
        let endpoint = self.endpoint.as_ref().unwrap_or(&default);
        endpoint.resolve(self.protocol, self.insecure, signal)
    }
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            endpoint: None,
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(10),
            compression: Compression::default(),
            insecure: false,
            tls: TlsFiles::default(),
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// Returns the name in the OpenTelemetry specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// Returns the protocol with this name in the OpenTelemetry specification.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Grpc, Self::HttpProtobuf].into_iter().find(|it| it.as_str() == name)
    }
}

impl Default for Protocol {
    fn default() -> Self {
        if cfg!(feature = "otlp-http") { Self::HttpProtobuf } else { Self::Grpc }
    }
}

/// Validates a header and marks its value sensitive.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let invalid = || HeaderError { name: name.to_owned() };
    let name = HeaderName::try_from(name).map_err(|_| invalid())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| invalid())?;
    value.set_sensitive(true);
    Ok((name, value))
}
