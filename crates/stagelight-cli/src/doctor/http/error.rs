//! The ways in which a question can stay without the answer.

use std::{error::Error, io, time::Duration};

/// Why there is no answer, or not the one that was asked for.
///
/// Told as the second half of a sentence that begins with the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// The machine is there and nothing listens on the port.
    #[error("nothing listens there (connection refused)")]
    Refused,
    /// There is no such host, or no such address.
    #[error("the host name cannot be resolved from here")]
    Unresolved,
    /// There was no answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection could not be made, or broke.
    #[error("the connection broke: {0}")]
    Disconnected(String),
    /// Something listens that does not speak this protocol.
    #[error("something listens there that does not speak this protocol")]
    OtherProtocol,
    /// A TLS server was spoken to without TLS.
    #[error("the server there wants TLS, and was spoken to without")]
    TlsRequired,
    /// A server without TLS was spoken to with it.
    #[error("the server there speaks no TLS, and was spoken to with it")]
    NoTls,
    /// The server's certificate is not to be trusted.
    #[error("the server's certificate is not trusted here: {0}")]
    Certificate(String),
    /// The address is `https://` and this program cannot do that.
    #[error("this `stagelight` was built without TLS; build it with `--features tls`")]
    TlsNotBuilt,
    /// The answer is an HTTP status that is no success.
    #[error("HTTP status {code}{}", after_colon(says))]
    Status {
        /// The status.
        code: u16,
        /// The beginning of what came with it.
        says: String,
    },
    /// The answer is no success of gRPC's.
    #[error("gRPC status {status}{}", after_colon(says))]
    Grpc {
        /// The status' name.
        status: &'static str,
        /// What came with it.
        says: String,
    },
    /// The answer is not what this kind of server answers.
    #[error("the answer is not {0}")]
    UnexpectedBody(&'static str),
}

// === impl ProbeError ===

impl ProbeError {
    /// Finds out what stopped the client.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let chain = || std::iter::successors(Some(error), |&it| it.source());
        let texts: Vec<_> = chain().map(ToString::to_string).collect();
        let says = |words: &str| texts.iter().any(|it| it.contains(words));
        let last = || texts.last().cloned().unwrap_or_default();
        let mut kinds =
            chain().filter_map(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
        if says("certificate") {
            return Self::Certificate(last());
        }
        if says("InvalidContentType") || says("corrupt message") {
            return Self::NoTls;
        }
        if says("dns error") {
            return Self::Unresolved;
        }
        if kinds.any(|it| it == io::ErrorKind::ConnectionRefused) {
            return Self::Refused;
        }
        // What hyper says of an answer in HTTP/2's frames, in TLS records, or in HTTP/1.1 where frames are due.
        if says("invalid HTTP") || says("frame with invalid size") || says("http2 error") {
            return Self::OtherProtocol;
        }
        Self::Disconnected(last())
    }

    /// Returns whether nobody was there to answer, as far as can be told from here.
    pub(crate) const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Refused | Self::Unresolved | Self::TimedOut(_))
    }

    /// Returns whether the server wants other credentials.
    pub(crate) fn is_access_denied(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 401 | 403),
            Self::Grpc { status, .. } => matches!(*status, "UNAUTHENTICATED" | "PERMISSION_DENIED"),
            _ => false,
        }
    }
}

fn after_colon(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!(": {says}") }
}
