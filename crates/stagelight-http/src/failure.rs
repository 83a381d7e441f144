//! What went wrong, told from an error of any type.

use std::{any::Any, error::Error, io};

/// A boxed error, as tower's middleware and most bodies have it.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why something failed; the value of `error.type` where no status code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A time limit was reached.
    Timeout,
    /// The peer could not be reached.
    Connect,
    /// The request could not be sent, or was not answered.
    Request,
    /// The inner service returned an error instead of a response.
    Service,
    /// A body broke.
    Body,
    /// A stream yielded an error.
    Stream,
    /// The code panicked.
    Panic,
}

/// Sees a value as an error if it is of one certain type.
type AsError = for<'a> fn(&'a dyn Any) -> Option<&'a (dyn Error + 'static)>;

/// Errors of services and bodies come as any type, often a box, which is not an [`Error`] itself;
/// so the causes of an error can be followed only if its type is listed here.
const KNOWN: &[AsError] = &[
    |it| it.downcast_ref::<BoxError>().map(|it| &**it as _),
    |it| it.downcast_ref::<Box<dyn Error + Send>>().map(|it| &**it as _),
    cast::<io::Error>,
    #[cfg(feature = "axum")]
    cast::<axum::Error>,
    #[cfg(feature = "reqwest")]
    cast::<reqwest::Error>,
    #[cfg(feature = "timeout")]
    cast::<tower::timeout::error::Elapsed>,
    #[cfg(feature = "timeout")]
    cast::<tokio::time::error::Elapsed>,
];

const TIME_LIMITS: &[fn(&(dyn Error + 'static)) -> bool] = &[
    |it| it.downcast_ref().is_some_and(|it: &io::Error| it.kind() == io::ErrorKind::TimedOut),
    #[cfg(feature = "reqwest")]
    |it| it.downcast_ref().is_some_and(reqwest::Error::is_timeout),
    #[cfg(feature = "timeout")]
    |it| it.is::<tower::timeout::error::Elapsed>(),
    #[cfg(feature = "timeout")]
    |it| it.is::<tokio::time::error::Elapsed>(),
];

const NO_CONNECTION: &[fn(&(dyn Error + 'static)) -> bool] = &[
    |it| it.downcast_ref().is_some_and(is_refused),
    #[cfg(feature = "reqwest")]
    |it| it.downcast_ref().is_some_and(reqwest::Error::is_connect),
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
            Self::Panic => "panic",
        }
    }

    /// Tells a time limit behind `error` from anything else, which is `otherwise`.
    pub(crate) fn of<E: 'static>(error: &E, otherwise: Self) -> Self {
        if is_caused_by(error, TIME_LIMITS) { Self::Timeout } else { otherwise }
    }

    /// Tells what kept a request from being answered.
    pub(crate) fn of_sending<E: 'static>(error: &E) -> Self {
        if is_caused_by(error, TIME_LIMITS) {
            Self::Timeout
        } else if is_caused_by(error, NO_CONNECTION) {
            Self::Connect
        } else {
            Self::Request
        }
    }
}

/// Returns whether the error, or one behind it, is of one of these kinds.
fn is_caused_by(error: &dyn Any, kinds: &[fn(&(dyn Error + 'static)) -> bool]) -> bool {
    let mut next = KNOWN.iter().find_map(|as_error| as_error(error));
    while let Some(error) = next {
        if kinds.iter().any(|is_kind| is_kind(error)) {
            return true;
        }
        next = error.source();
    }
    false
}

fn cast<E: Error + 'static>(it: &dyn Any) -> Option<&(dyn Error + 'static)> {
    it.downcast_ref::<E>().map(|it| it as _)
}

fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
    )
}

#[cfg(test)]
mod tests;
