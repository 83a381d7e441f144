//! Classifies errors and panics.

use std::{any::Any, error::Error, io};

/// A boxed error, as tower's middleware and most bodies have it.
type BoxError = Box<dyn Error + Send + Sync>;

/// The kind of a failure: the value of `error.type` unless a status code is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A time limit elapsed.
    Timeout,
    /// No connection to the peer.
    Connect,
    /// The request was not sent, or got no response.
    Request,
    /// The inner service returned an error instead of a response.
    Service,
    /// A body returned an error.
    Body,
    /// A stream yielded an error.
    Stream,
    /// A future returned an error.
    Other,
    /// A panic.
    Panic,
}

/// Casts a value to an error if it has one certain type.
type AsError = for<'a> fn(&'a dyn Any) -> Option<&'a (dyn Error + 'static)>;

type Predicate = fn(&(dyn Error + 'static)) -> bool;

/// The error types with sources to follow.
///
/// Services and bodies have errors of any type, often a box, which does not implement [`Error`].
/// Only types listed here can be cast to one.
const KNOWN: &[AsError] = &[
    |it| it.downcast_ref::<BoxError>().map(|it| &**it as _),
    |it| it.downcast_ref::<Box<dyn Error + Send>>().map(|it| &**it as _),
    cast::<io::Error>,
    #[cfg(feature = "axum")]
    cast::<axum::Error>,
    #[cfg(feature = "reqwest")]
    cast::<reqwest::Error>,
    #[cfg(feature = "hyper")]
    cast::<hyper::Error>,
    #[cfg(feature = "hyper")]
    cast::<hyper_util::client::legacy::Error>,
    #[cfg(feature = "tonic")]
    cast::<tonic::transport::Error>,
    #[cfg(feature = "tonic")]
    cast::<tonic::Status>,
    #[cfg(feature = "timeout")]
    cast::<tower::timeout::error::Elapsed>,
    #[cfg(feature = "timeout")]
    cast::<tokio::time::error::Elapsed>,
];

const IS_TIMEOUT: &[Predicate] = &[
    |it| it.downcast_ref().is_some_and(|it: &io::Error| it.kind() == io::ErrorKind::TimedOut),
    #[cfg(feature = "reqwest")]
    |it| it.downcast_ref().is_some_and(reqwest::Error::is_timeout),
    #[cfg(feature = "hyper")]
    |it| it.downcast_ref().is_some_and(hyper::Error::is_timeout),
    #[cfg(feature = "tonic")]
    |it| it.is::<tonic::TimeoutExpired>(),
    #[cfg(feature = "tonic")]
    |it| {
        it.downcast_ref()
            .is_some_and(|it: &tonic::Status| it.code() == tonic::Code::DeadlineExceeded)
    },
    #[cfg(feature = "timeout")]
    |it| it.is::<tower::timeout::error::Elapsed>(),
    #[cfg(feature = "timeout")]
    |it| it.is::<tokio::time::error::Elapsed>(),
];

const IS_CONNECT: &[Predicate] = &[
    |it| it.downcast_ref().is_some_and(is_connect),
    #[cfg(feature = "reqwest")]
    |it| it.downcast_ref().is_some_and(reqwest::Error::is_connect),
    #[cfg(feature = "hyper")]
    |it| it.downcast_ref().is_some_and(hyper_util::client::legacy::Error::is_connect),
    #[cfg(feature = "tonic")]
    |it| it.is::<tonic::ConnectError>(),
];

// === impl Failure ===

impl Failure {
    /// Returns the label value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Service => "service",
            Self::Body => "body",
            Self::Stream => "stream",
            Self::Other => "_OTHER",
            Self::Panic => "panic",
        }
    }

    /// Returns [`Failure::Timeout`] if a time limit caused the error, and `default` otherwise.
    pub(crate) fn classify<E: 'static>(error: &E, default: Self) -> Self {
        if is_caused_by(error, IS_TIMEOUT) { Self::Timeout } else { default }
    }

    /// Classifies the error of a request that got no response.
    pub(crate) fn classify_send<E: 'static>(error: &E) -> Self {
        let default = if is_caused_by(error, IS_CONNECT) { Self::Connect } else { Self::Request };
        Self::classify(error, default)
    }
}

/// Returns `true` if a predicate holds for the error or one of its sources.
fn is_caused_by(error: &dyn Any, predicates: &[Predicate]) -> bool {
    let mut next = KNOWN.iter().find_map(|as_error| as_error(error));
    while let Some(error) = next {
        if predicates.iter().any(|holds| holds(error)) {
            return true;
        }
        next = error.source();
    }
    false
}

fn cast<E: Error + 'static>(it: &dyn Any) -> Option<&(dyn Error + 'static)> {
    it.downcast_ref::<E>().map(|it| it as _)
}

fn is_connect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with an I/O error as its source.
    #[derive(Debug)]
    struct Outer(io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn boxed(kind: io::ErrorKind) -> BoxError {
        Box::new(Outer(kind.into()))
    }

    #[test]
    fn a_timeout_is_found_behind_a_boxed_error() {
        assert_eq!(
            Failure::classify(&boxed(io::ErrorKind::TimedOut), Failure::Body),
            Failure::Timeout
        );
        assert_eq!(
            Failure::classify(&boxed(io::ErrorKind::BrokenPipe), Failure::Body),
            Failure::Body
        );
    }

    #[test]
    fn an_io_error_needs_no_box() {
        let error = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(Failure::classify(&error, Failure::Service), Failure::Timeout);
    }

    #[test]
    fn an_unknown_error_type_is_not_a_timeout() {
        assert_eq!(Failure::classify(&"timed out", Failure::Service), Failure::Service);
    }

    #[test]
    fn send_errors_are_timeouts_connection_or_request_failures() {
        for (kind, expected) in [
            (io::ErrorKind::ConnectionRefused, Failure::Connect),
            (io::ErrorKind::TimedOut, Failure::Timeout),
            (io::ErrorKind::BrokenPipe, Failure::Request),
        ] {
            assert_eq!(Failure::classify_send(&boxed(kind)), expected);
        }
    }

    #[cfg(feature = "timeout")]
    #[tokio::test]
    async fn elapsed_errors_of_tower_and_tokio_are_timeouts() {
        let tower: BoxError = Box::new(tower::timeout::error::Elapsed::new());
        assert_eq!(Failure::classify(&tower, Failure::Service), Failure::Timeout);

        let never = std::future::pending::<()>();
        let tokio = tokio::time::timeout(std::time::Duration::ZERO, never).await.unwrap_err();
        assert_eq!(Failure::classify(&tokio, Failure::Service), Failure::Timeout);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn the_source_of_an_axum_body_error_is_found() {
        let error = axum::Error::new(boxed(io::ErrorKind::TimedOut));
        assert_eq!(Failure::classify(&error, Failure::Body), Failure::Timeout);
    }
}
