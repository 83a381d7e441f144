//! Classification of errors for the label `error.type`.

use std::sync::Arc;

/// Returns the value of `error.type` for an error.
///
/// For errors without this trait, `#[stage]` and `#[request]` record the name of the error's Rust
/// type. Implement the trait where the name is too coarse (one enum for every failure) or too
/// fine.
///
/// The value becomes a label of `request.stage.errors`, so the number of values must be small.
/// Never format a message, an address or an id into it; the return type `&'static str` prevents
/// most of that. The value `"timeout"` is special: a `#[request]` that returns such an error has
/// the outcome `timeout` instead of `error`.
///
/// ```
/// use stagelight_core::ErrorType;
///
/// enum AuthError {
///     UnknownKey,
///     Expired { since_days: u32 },
/// }
///
/// impl ErrorType for AuthError {
///     fn error_type(&self) -> &'static str {
///         match self {
///             Self::UnknownKey => "unknown_key",
///             Self::Expired { .. } => "expired_key",
///         }
///     }
/// }
/// assert_eq!(AuthError::UnknownKey.error_type(), "unknown_key");
/// assert_eq!(Box::new(AuthError::Expired { since_days: 3 }).error_type(), "expired_key");
/// ```
pub trait ErrorType {
    /// Returns the class of this error, such as `"unknown_key"` or `"timeout"`.
    fn error_type(&self) -> &'static str;
}

impl<E: ErrorType + ?Sized> ErrorType for Box<E> {
    fn error_type(&self) -> &'static str {
        (**self).error_type()
    }
}

impl<E: ErrorType + ?Sized> ErrorType for Arc<E> {
    fn error_type(&self) -> &'static str {
        (**self).error_type()
    }
}

impl<E: ErrorType + ?Sized> ErrorType for &E {
    fn error_type(&self) -> &'static str {
        (**self).error_type()
    }
}
