//! Called by the code that `#[stage]` and `#[request]` generate.
//!
//! [`ErrorType`] is for users. The rest is reached as `__private` and may change in any release.
//! It only writes fields of spans, which a layer reads.

use std::thread;

use stagelight_core::{Outcome, fields, stage};
use tracing::Span;

pub use stagelight_core::ErrorType;

/// Classifies a function's return value.
///
/// The compiler selects the trait by the value's type, not by how the return type is written, so
/// `io::Result<T>` and `anyhow::Result<T>` are recognised. In the call
/// `(&&&Returned::new(&value)).__stagelight_error_type()`, method lookup removes one `&` after the
/// other. It finds [`ByErrorType`] first, if the error implements [`ErrorType`], then
/// [`ByTypeName`] for any other `Result`, then [`NotAnError`] for all other types.
#[derive(Debug)]
pub struct Returned<'a, R>(&'a R);

/// Classifies a `Result` with an error type that implements [`ErrorType`].
pub trait ByErrorType {
    /// Returns the error's [`ErrorType::error_type`], or `None` for `Ok`.
    fn __stagelight_error_type(&self) -> Option<&'static str>;
}

/// Classifies any other `Result`.
pub trait ByTypeName {
    /// Returns the name of the error's type, or `None` for `Ok`.
    fn __stagelight_error_type(&self) -> Option<&'static str>;
}

/// Classifies all types other than `Result`.
pub trait NotAnError {
    /// Returns `None`.
    fn __stagelight_error_type(&self) -> Option<&'static str>;
}

/// Records the outcome of a running request.
///
/// Call [`RequestGuard::finish`] when the request's code returns. Dropping the guard before means
/// that the code panicked or its future was dropped.
///
/// | Event                                  | `outcome`   | `error.type` |
/// |----------------------------------------|-------------|--------------|
/// | returns an error                       | `error`     | recorded     |
/// | returns an error of the type `timeout` | `timeout`   | recorded     |
/// | returns any other value                | `ok`        | –            |
/// | the future is dropped before it ends   | `cancelled` | –            |
/// | the thread unwinds                     | `panic`     | –            |
///
/// `outcome` is recorded exactly once, and after `error.type`.
#[derive(Debug)]
pub struct RequestGuard {
    /// `None` after the outcome is recorded.
    span: Option<Span>,
    was_panicking: bool,
}

// === impl Returned ===

impl<'a, R> Returned<'a, R> {
    /// Wraps a reference to the value.
    #[must_use]
    pub const fn new(value: &'a R) -> Self {
        Self(value)
    }
}

impl<T, E: ErrorType> ByErrorType for &&Returned<'_, Result<T, E>> {
    fn __stagelight_error_type(&self) -> Option<&'static str> {
        self.0.as_ref().err().map(E::error_type)
    }
}

impl<T, E> ByTypeName for &Returned<'_, Result<T, E>> {
    fn __stagelight_error_type(&self) -> Option<&'static str> {
        self.0.as_ref().err().map(|_| std::any::type_name::<E>())
    }
}

impl<R> NotAnError for Returned<'_, R> {
    fn __stagelight_error_type(&self) -> Option<&'static str> {
        None
    }
}

// === impl RequestGuard ===

impl RequestGuard {
    /// Creates a guard for the request of `span`, which must declare `outcome` and `error.type`.
    #[must_use]
    pub fn new(span: Span) -> Self {
        // A request that a destructor starts during a panic has not panicked itself.
        Self { span: Some(span), was_panicking: thread::panicking() }
    }

    /// Records that the request's code returned, with an error of this type if `Some`.
    pub fn finish(mut self, error_type: Option<&'static str>) {
        let outcome = match error_type {
            None => Outcome::Ok,
            Some("timeout") => Outcome::Timeout,
            Some(_) => Outcome::Error,
        };
        self.end(outcome, error_type);
    }

    fn end(&mut self, outcome: Outcome, error_type: Option<&'static str>) {
        let Some(span) = self.span.take() else { return };
        record_error(&span, error_type);
        span.record(fields::OUTCOME, outcome.as_str());
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let panicked = thread::panicking() && !self.was_panicking;
        self.end(if panicked { Outcome::Panic } else { Outcome::Cancelled }, None);
    }
}

/// Records the class of an error on a span that declares `error.type`. `None` records nothing.
pub fn record_error(span: &Span, error_type: Option<&'static str>) {
    if let Some(error_type) = error_type {
        span.record(fields::ERROR_TYPE, error_type);
    }
}

/// Calls `body`.
///
/// A closure called in place cannot return a reference that it reborrows from a captured
/// `&mut`. Passed to a function that takes `FnOnce`, it can.
pub fn call_once<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Checks the name of a stage and returns it.
///
/// The attribute checks literals itself, with a better message. For the path of a constant it
/// calls this function in a `const` block.
///
/// # Panics
///
/// Panics if the name is empty, is longer than [`stage::MAX_NAME_BYTES`], has a character other
/// than `A-Z a-z 0-9 _ . -`, or is `unattributed`. In a `const` block, this is a compile error.
#[must_use]
pub const fn stage_name(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty(), "the stage's name is empty");
    assert!(bytes.len() <= stage::MAX_NAME_BYTES, "the stage's name is longer than 64 bytes");
    assert!(
        !matches!(bytes, b"unattributed"),
        "`unattributed` is the time outside of all stages; choose another name for the stage"
    );
    let mut index = 0;
    while index < bytes.len() {
        let allowed =
            bytes[index].is_ascii_alphanumeric() || matches!(bytes[index], b'_' | b'.' | b'-');
        assert!(allowed, "the stage's name has a character other than `A-Z a-z 0-9 _ . -`");
        index += 1;
    }
    name
}

#[cfg(test)]
mod tests;
