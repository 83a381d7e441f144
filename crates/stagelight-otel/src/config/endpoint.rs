//! The address of a collector.

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::{config::Protocol, signal::Signal};

/// The address of a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `None` for `HOST:PORT`, which gRPC allows.
    scheme: Option<Scheme>,
    authority: Authority,
    path: String,
    /// Whether the signal's path is appended.
    is_base: bool,
}

/// An invalid address of a collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is not an address.
    #[error(
        "invalid OTLP endpoint {endpoint:?}: expected http://HOST[:PORT][/PATH], https://… or, \
         for gRPC, HOST:PORT"
    )]
    Malformed {
        /// The address as given.
        endpoint: String,
    },
    /// It contains a user name or password, which OTLP sends in a header.
    #[error("the OTLP endpoint contains a user name or password: send them in a header instead")]
    Credentials,
    /// It has no scheme, and the protocol is not gRPC.
    #[error("OTLP endpoint {endpoint:?} has no scheme: http/protobuf requires http:// or https://")]
    NoScheme {
        /// The address as given.
        endpoint: String,
    },
}

// === impl Endpoint ===

impl Endpoint {
    /// Parses a base address, to which HTTP exporters append `/v1/traces` or `/v1/metrics`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] unless it is `http://HOST[:PORT][/PATH]`, `https://…` or `HOST:PORT`.
    pub fn base(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, true)
    }

    /// Parses the address of one signal, which HTTP exporters use unchanged.
    ///
    /// # Errors
    ///
    /// As [`base`](Self::base).
    pub fn exact(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, false)
    }

    fn parse(text: &str, is_base: bool) -> Result<Self, EndpointError> {
        // Checked first: the error for a malformed address shows it, and a password must not be.
        if text.contains('@') {
            return Err(EndpointError::Credentials);
        }
        let malformed = || EndpointError::Malformed { endpoint: text.to_owned() };
        let parts = text.parse::<Uri>().map_err(|_| malformed())?.into_parts();
        let authority = parts.authority.ok_or_else(malformed)?;
        let known = [Scheme::HTTP, Scheme::HTTPS];
        if parts.scheme.as_ref().is_some_and(|it| !known.contains(it)) {
            return Err(malformed());
        }
        // `HOST` alone parses too, but is more often a typo than an address.
        if authority.host().is_empty() || parts.scheme.is_none() && authority.port().is_none() {
            return Err(malformed());
        }
        let path = parts.path_and_query.map_or_else(String::new, |it| it.as_str().to_owned());
        Ok(Self { scheme: parts.scheme, authority, path, is_base })
    }

    /// Returns the OpenTelemetry specification's default.
    pub(crate) fn default_for(protocol: Protocol) -> Self {
        let port = match protocol {
            Protocol::Grpc => "localhost:4317",
            Protocol::HttpProtobuf => "localhost:4318",
        };
        let authority = Authority::from_static(port);
        Self { scheme: Some(Scheme::HTTP), authority, path: String::new(), is_base: true }
    }

    /// Returns whether a protocol can use it: only gRPC does without a scheme.
    pub(crate) fn suits(&self, protocol: Protocol) -> bool {
        self.scheme.is_some() || protocol == Protocol::Grpc
    }

    /// Returns the address to send to. For gRPC, the method replaces the path.
    pub(crate) fn resolve(
        &self,
        protocol: Protocol,
        insecure: bool,
        signal: Signal,
    ) -> Result<Uri, EndpointError> {
        let scheme = match (&self.scheme, protocol) {
            (Some(scheme), _) => scheme.clone(),
            (None, Protocol::Grpc) if insecure => Scheme::HTTP,
            (None, Protocol::Grpc) => Scheme::HTTPS,
            (None, Protocol::HttpProtobuf) => {
                return Err(EndpointError::NoScheme { endpoint: self.authority.to_string() });
            }
        };
        let path = match protocol {
            Protocol::Grpc => grpc_method(signal).to_owned(),
            Protocol::HttpProtobuf if self.is_base => {
                format!("{}/v1/{signal}", self.path.trim_end_matches('/'))
            }
            Protocol::HttpProtobuf if self.path.is_empty() => "/".to_owned(),
            Protocol::HttpProtobuf => self.path.clone(),
        };
        let uri = Uri::builder().scheme(scheme).authority(self.authority.clone());
        let malformed = |_| EndpointError::Malformed { endpoint: self.authority.to_string() };
        uri.path_and_query(path).build().map_err(malformed)
    }
}

const fn grpc_method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}
