//! How one signal is sent over OTLP.

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Endpoint;

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC; requires the feature `otlp-grpc`.
    Grpc,
    /// HTTP with protobuf bodies; requires the feature `otlp-http`.
    HttpProtobuf,
}

/// How what is sent is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip; needs the feature `gzip`.
    Gzip,
}

/// Why a header was refused. Says nothing of its value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "header {name:?} is not allowed in HTTP: in the name letters, digits and `-`, in the value printable ASCII"
)]
pub struct HeaderError {
    /// The header's name as given.
    pub name: String,
}

/// How one signal is sent over OTLP.
#[derive(Clone, Debug)]
pub(crate) struct OtlpConfig {
    pub(crate) protocol: Protocol,
    /// `None` for the protocol's default.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) insecure: bool,
    pub(crate) tls: TlsFiles,
}

/// Paths of PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

// === impl Protocol ===

impl Protocol {
    /// Returns the name as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// Returns the protocol of this name, if there is one.
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

// === impl OtlpConfig ===

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

/// Checks a header, and marks its value so that it is never printed.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let refused = || HeaderError { name: name.to_owned() };
    let name = HeaderName::try_from(name).map_err(|_| refused())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((name, value))
}
