//! Errors of exports.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::signal::Signal;

/// Maximum length of a collector's message.
const MAX_MESSAGE_CHARS: usize = 200;
/// Up to this size, `ResourceExhausted` means overload, not a request above the limit.
const MAX_OVERLOAD_BYTES: usize = 64 << 10;

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
    /// The collector does not accept requests of this size. Reported for a single item; larger
    /// requests are split.
    #[error("{endpoint} responded with {status}: {bytes} bytes are too large{}", suffix(message))]
    TooLarge {
        /// The collector's address.
        endpoint: String,
        /// The HTTP status code, or the name of the gRPC status.
        status: String,
        /// The collector's message, truncated to 200 characters.
        message: String,
        /// Encoded size of the request, uncompressed.
        bytes: usize,
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
            Self::TooLarge { .. } | Self::Rejected { .. } | Self::NotAttempted => false,
        }
    }

    /// Returns the value of the attribute `error.type`: `connection`, `timeout`, `too_large`,
    /// `rejected` or the collector's status.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Connection { .. } => "connection",
            Self::Timeout { .. } | Self::NotAttempted => "timeout",
            Self::Refused { status, .. } => status,
            Self::TooLarge { .. } => "too_large",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// Converts to [`TooLarge`](Self::TooLarge) if the size of the request, in bytes, is the cause.
    ///
    /// gRPC servers use the status `ResourceExhausted` both for too large messages and for
    /// overload. It counts as too large if the message says so, or if the request is large, can be
    /// split, and the server requests no delay.
    pub(crate) fn for_request_of(self, bytes: usize, can_split: bool) -> Self {
        match self {
            Self::Refused { endpoint, status, message, retry_after, .. }
                if is_too_large(&status, &message, retry_after, bytes, can_split) =>
            {
                Self::TooLarge { endpoint, status, message, bytes }
            }
            other => other,
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Connection { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
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

fn is_too_large(
    status: &str,
    message: &str,
    wait: Option<Duration>,
    bytes: usize,
    can_split: bool,
) -> bool {
    match status {
        "413" => true,
        // HTTP servers in Go respond with 400 if they read no more than a limit.
        "400" | "OutOfRange" => mentions_size(message),
        "ResourceExhausted" => {
            mentions_size(message) || (can_split && wait.is_none() && MAX_OVERLOAD_BYTES < bytes)
        }
        _ => false,
    }
}

/// Returns whether a message is one of those that gRPC and HTTP servers use for size limits.
fn mentions_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["larger than max", "too large", "exceeds maximum size", "size limit"]
        .iter()
        .any(|it| message.contains(it))
}

/// Makes a collector's message fit for a log line: without line breaks and other control
/// characters, and truncated, because it may be a page of HTML.
pub(crate) fn sanitize(message: &str) -> String {
    let is_break = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
    let printable = |it| if is_break(it) { ' ' } else { it };
    message.trim().chars().take(MAX_MESSAGE_CHARS).map(printable).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collectors_message_fits_in_a_log_line() {
        let message = format!("\n a\r\nb\u{1b}[31m\u{2028}{}", "ä".repeat(500_000));
        let sanitized = sanitize(&message);
        assert!(sanitized.starts_with("a  b [31m ä"), "{sanitized}");
        assert_eq!(sanitized.chars().count(), 200);
    }

    #[test]
    fn size_is_told_apart_from_overload() {
        let wait = Some(Duration::from_secs(1));
        let size = "received message larger than max (5 vs. 4)";
        let cases = [
            ("413", "", wait, 9, true),
            ("400", "http: request body too large", None, 9, true),
            ("400", "cannot decode this", None, 9, false),
            ("OutOfRange", "Error, decoded message length too large: found 5", None, 9, true),
            ("OutOfRange", "", None, 1 << 20, false),
            ("ResourceExhausted", size, None, 9, true),
            ("ResourceExhausted", size, wait, 9, true),
            ("ResourceExhausted", "quota", None, (64 << 10) + 1, true),
            ("ResourceExhausted", "quota", None, 64 << 10, false),
            ("ResourceExhausted", "quota", wait, 1 << 20, false),
            ("Unavailable", "too large", None, 1 << 20, false),
        ];
        for (status, message, retry_after, bytes, expected) in cases {
            assert_eq!(
                is_too_large(status, message, retry_after, bytes, true),
                expected,
                "{status} {message}"
            );
        }
    }

    #[test]
    fn a_single_item_is_dropped_only_if_the_message_mentions_size() {
        let kind = |message: &str| {
            let error = DeliveryError::Refused {
                endpoint: String::new(),
                status: "ResourceExhausted".to_owned(),
                message: message.to_owned(),
                transient: true,
                retry_after: None,
            };
            let error = error.for_request_of(1 << 20, false);
            (error.kind().to_owned(), error.is_transient())
        };
        assert_eq!(kind("quota"), ("ResourceExhausted".to_owned(), true));
        assert_eq!(kind("message too large"), ("too_large".to_owned(), false));
    }
}
