//! Classifies the failures of a request.

use std::{error::Error, io, time::Duration};

/// Why a request failed. The message completes a sentence that starts with the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// The host responds, but the port is closed.
    #[error("nothing listens there (connection refused)")]
    Refused,
    /// The host name or the address is invalid.
    #[error("cannot resolve the host name")]
    Unresolved,
    /// No response in time.
    #[error("no response within {0:?}")]
    TimedOut(Duration),
    /// The connection failed or was closed.
    #[error("connection failed: {0}")]
    Disconnected(String),
    /// The server speaks another protocol.
    #[error("the server speaks another protocol")]
    OtherProtocol,
    /// A request over plain HTTP to a TLS server.
    #[error("the server requires TLS, but the address is http://")]
    TlsRequired,
    /// A request over TLS to a plain HTTP server.
    #[error("the server does not use TLS, but the address is https://")]
    NoTls,
    /// The server's certificate is not trusted.
    #[error("the server's certificate is not trusted: {0}")]
    Certificate(String),
    /// The address is `https://` and this build lacks TLS.
    #[error("this build of stagelight has no TLS support; rebuild it with `--features tls`")]
    TlsNotBuilt,
    /// A non-success HTTP status.
    #[error("HTTP status {code}{}", after_colon(message))]
    Status {
        /// The status code.
        code: u16,
        /// The start of the body.
        message: String,
    },
    /// A non-success gRPC status.
    #[error("gRPC status {status}{}", after_colon(message))]
    Grpc {
        /// The status name.
        status: &'static str,
        /// The `grpc-message` header.
        message: String,
    },
    /// The body does not have the expected format.
    #[error("the response is not {0}")]
    UnexpectedBody(&'static str),
}

// === impl ProbeError ===

impl ProbeError {
    /// Classifies an error of the HTTP client from its chain of sources.
    pub(crate) fn from_client(error: &(dyn Error + 'static)) -> Self {
        let chain = || std::iter::successors(Some(error), |&it| it.source());
        let texts: Vec<_> = chain().map(ToString::to_string).collect();
        let mentions = |words: &str| texts.iter().any(|it| it.contains(words));
        let last = || texts.last().cloned().unwrap_or_default();
        let mut kinds =
            chain().filter_map(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
        if mentions("certificate") {
            return Self::Certificate(last());
        }
        if mentions("InvalidContentType") || mentions("corrupt message") {
            return Self::NoTls;
        }
        if mentions("dns error") {
            return Self::Unresolved;
        }
        if kinds.any(|it| it == io::ErrorKind::ConnectionRefused) {
            return Self::Refused;
        }
        // hyper's messages for HTTP/2 frames or TLS records in an HTTP/1.1 response, and for
        // HTTP/1.1 in an HTTP/2 connection.
        if mentions("invalid HTTP")
            || mentions("frame with invalid size")
            || mentions("http2 error")
        {
            return Self::OtherProtocol;
        }
        Self::Disconnected(last())
    }

    /// Returns whether no server responded at the address.
    pub(crate) const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Refused | Self::Unresolved | Self::TimedOut(_))
    }

    /// Returns whether the server rejected the credentials.
    pub(crate) fn is_access_denied(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 401 | 403),
            Self::Grpc { status, .. } => matches!(*status, "UNAUTHENTICATED" | "PERMISSION_DENIED"),
            _ => false,
        }
    }
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
