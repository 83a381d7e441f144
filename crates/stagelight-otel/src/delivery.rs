//! Errors of exports.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::signal::Signal;

/// Why an export request was not delivered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The connection could not be established, or broke.
    #[error("no connection to {endpoint}: {}", root_cause(&**source))]
    Connection {
        /// The collector's address.
        endpoint: String,
        /// The cause.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The collector did not respond in time.
    #[error("no response from {endpoint} within {limit:?}")]
    Timeout {
        /// The collector's address.
        endpoint: String,
        /// The time limit.
        limit: Duration,
    },
    /// The collector responded with an error.
    #[error("{endpoint} responded with {status}{}", suffix(message))]
    Refused {
        /// The collector's address.
        endpoint: String,
        /// The HTTP status code, or the name of the gRPC status.
        status: String,
        /// The collector's message, truncated to 200 characters.
        message: String,
        /// Whether a retry may succeed.
        transient: bool,
        /// The delay that the collector requests before a retry.
        retry_after: Option<Duration>,
    },
    /// The collector accepted the request, but rejected some of its items.
    #[error("{endpoint} rejected {count} items{}", suffix(message))]
    Rejected {
        /// The collector's address.
        endpoint: String,
        /// Number of rejected spans or data points.
        count: u64,
        /// The collector's message, truncated to 200 characters.
        message: String,
    },
    /// The pipeline was shut down before the first attempt.
    #[error("shut down before the export was attempted")]
    NotAttempted,
}

/// Telemetry of one signal that was not delivered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// The signal.
    pub signal: Signal,
    /// Number of undelivered spans; 0 for metrics, of which the last export is missing.
    pub spans: usize,
    /// The last error.
    pub error: DeliveryError,
}

/// Telemetry was not delivered within the time limit of a flush or shutdown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not delivered: {}", list(undelivered))]
#[non_exhaustive]
pub struct ShutdownError {
    /// The undelivered telemetry; at least one entry.
    pub undelivered: Vec<Undelivered>,
}

// === impl DeliveryError ===

impl DeliveryError {
    /// Returns whether a retry may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Timeout { .. } => true,
            Self::Refused { transient, .. } => *transient,
            Self::Rejected { .. } | Self::NotAttempted => false,
        }
    }

    /// Returns the value of the attribute `error.type`: `connection`, `timeout`, `rejected` or the
    /// collector's status.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Connection { .. } => "connection",
            Self::Timeout { .. } | Self::NotAttempted => "timeout",
            Self::Refused { status, .. } => status,
            Self::Rejected { .. } => "rejected",
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Connection { .. }
            | Self::Timeout { .. }
            | Self::Rejected { .. }
            | Self::NotAttempted => None,
        }
    }
}

// === impl Undelivered ===

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            Signal::Traces => write!(f, "{} spans ({})", self.spans, self.error),
            Signal::Metrics => write!(f, "last metrics export ({})", self.error),
        }
    }
}

/// Returns the innermost cause; those in between ("client error", "tcp connect error") carry no
/// information.
fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

fn suffix(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn list(undelivered: &[Undelivered]) -> String {
    let items: Vec<_> = undelivered.iter().map(ToString::to_string).collect();
    items.join("; ")
}
