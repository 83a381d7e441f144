//! What may go wrong between us and a collector.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::signal::Signal;

/// Why something could not be delivered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// There is no connection, or it broke.
    #[error("no connection to {endpoint}: {}", root_of(&**source))]
    Connection {
        /// Where to.
        endpoint: String,
        /// The cause.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// There was no answer in time.
    #[error("no answer from {endpoint} within {limit:?}")]
    Timeout {
        /// Where to.
        endpoint: String,
        /// The time that was given.
        limit: Duration,
    },
    /// The collector answered with an error.
    #[error("{endpoint} answered with {status}{}", after_colon(message))]
    Refused {
        /// Where to.
        endpoint: String,
        /// The HTTP status code, or the gRPC status' name.
        status: String,
        /// What the collector said, cut off after 200 characters.
        message: String,
        /// Whether it may work later.
        transient: bool,
        /// How long the collector asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The collector took the request but not all that was in it.
    #[error("{endpoint} took all but {count} of it{}", after_colon(message))]
    Rejected {
        /// Where to.
        endpoint: String,
        /// How many spans or data points.
        count: u64,
        /// What the collector said, cut off after 200 characters.
        message: String,
    },
    /// The pipeline ended before it was tried.
    #[error("there was no time left for it")]
    NoTime,
}

/// What could not be delivered before the end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// The kind of telemetry.
    pub signal: Signal,
    /// How many spans did not arrive; zero for metrics, of which the last values did not.
    pub spans: usize,
    /// The last error.
    pub error: DeliveryError,
}

/// Some of what was recorded could not be delivered in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not delivered: {}", list(undelivered))]
#[non_exhaustive]
pub struct ShutdownError {
    /// What, and why; at least one.
    pub undelivered: Vec<Undelivered>,
}

// === impl DeliveryError ===

impl DeliveryError {
    /// Returns whether trying again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Timeout { .. } => true,
            Self::Refused { transient, .. } => *transient,
            Self::Rejected { .. } | Self::NoTime => false,
        }
    }

    /// Returns the value of the attribute `error.type`: a handful of words and status codes.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Connection { .. } => "connection",
            Self::Timeout { .. } | Self::NoTime => "timeout",
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
            | Self::NoTime => None,
        }
    }
}

// === impl Undelivered ===

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            Signal::Traces => write!(f, "{} spans ({})", self.spans, self.error),
            Signal::Metrics => write!(f, "the last metrics ({})", self.error),
        }
    }
}

/// The causes in between ("client error", "tcp connect error") tell a reader nothing.
fn root_of<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn list(undelivered: &[Undelivered]) -> String {
    let items: Vec<_> = undelivered.iter().map(ToString::to_string).collect();
    items.join("; ")
}
