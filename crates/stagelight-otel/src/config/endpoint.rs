//! Where a collector is.

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::{config::Protocol, signal::Signal};

/// A collector's address, as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `None` when only `HOST:PORT` was given, which gRPC allows.
    scheme: Option<Scheme>,
    authority: Authority,
    path: String,
    /// Whether the signal's path is still to be appended.
    is_base: bool,
}

/// Why an address of a collector was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is not an address.
    #[error(
        "endpoint {endpoint:?} is not an address: allowed is http://HOST[:PORT][/PATH], https://… or, for gRPC, HOST:PORT"
    )]
    Malformed {
        /// The address as given.
        endpoint: String,
    },
    /// It holds a user name or password, which OTLP sends in a header.
    #[error("an endpoint must not hold a user name or password: give them as a header")]
    Credentials,
    /// It has no scheme, and the protocol is not gRPC.
    #[error(
        "endpoint {endpoint:?} has no scheme: http/protobuf needs http:// or https:// before it"
    )]
    NoScheme {
        /// The address as given.
        endpoint: String,
    },
}

// === impl Endpoint ===

impl Endpoint {
    /// Takes an address for all signals.
    pub(crate) fn base(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, true)
    }

    /// Takes an address for one signal, to be used as it is.
    pub(crate) fn exact(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, false)
    }

    fn parse(text: &str, is_base: bool) -> Result<Self, EndpointError> {
        // Looked at first: a malformed address is shown, and this must not be.
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
        // `HOST` alone parses too, but is more often a slip than an address.
        if authority.host().is_empty() || parts.scheme.is_none() && authority.port().is_none() {
            return Err(malformed());
        }
        let path = parts.path_and_query.map_or_else(String::new, |it| it.as_str().to_owned());
        Ok(Self { scheme: parts.scheme, authority, path, is_base })
    }

    /// The specification's default.
    pub(crate) fn default_for(protocol: Protocol) -> Self {
        let port = match protocol {
            Protocol::Grpc => "localhost:4317",
            Protocol::HttpProtobuf => "localhost:4318",
        };
        let authority = Authority::from_static(port);
        Self { scheme: Some(Scheme::HTTP), authority, path: String::new(), is_base: true }
    }

    /// Returns whether it can be used: only gRPC can do without a scheme.
    pub(crate) fn suits(&self, protocol: Protocol) -> bool {
        self.scheme.is_some() || protocol == Protocol::Grpc
    }

    /// Returns the address to send to; for gRPC the method's, whatever path was given.
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
