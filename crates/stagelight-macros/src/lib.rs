//! The `#[stage]` and `#[request]` attributes of stagelight.
//!
//! Both run a function's body in a `tracing` span with the fields that stagelight recognizes, and
//! record how the body ended. Use them as `stagelight::stage` and `stagelight::request`. Generated
//! code calls `::stagelight::__private`, so `stagelight` or `stagelight-instrument` has to be a
//! dependency under that name or the one given with `crate = "…"`; `tracing` need not be one.
//!
//! | attribute | fields of the span | recorded at the end |
//! | --- | --- | --- |
//! | [`macro@stage`] | `stage`, `stage.group` if given, `error.type` | `error.type` of an `Err` |
//! | [`macro@request`] | `stagelight.endpoint`, `outcome`, `error.type` | `outcome`, `error.type` |
//!
//! A span opened by hand with the same fields is measured the same way.

// In reading order: the arguments, then the generated code.
mod args;
mod expand;

use proc_macro::TokenStream;

/// Measures a function as a stage of the current request.
///
/// ```
/// # fn main() {
/// use stagelight::stage;
///
/// # struct ApiKey; struct User; struct AuthError; struct Answer; struct Documents;
/// #[stage("auth_validation")]
/// async fn authenticate(key: &ApiKey) -> Result<User, AuthError> {
///     // …
/// #   Ok(User)
/// }
///
/// #[stage("rerank", group = "backend_response", fields(provider = %provider, model))]
/// fn rerank(provider: &str, documents: Documents) -> Answer {
///     // …
/// #   Answer
/// }
/// # }
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// | --- | --- | --- |
/// | `"name"` | the stage: 1 to 64 of `A-Z a-z 0-9 _ . -` | required |
/// | `group = "…"` | the stage's group ¹ | of a well-known stage its own, else `other` |
/// | `name = "…"` | the span's name | the function's name |
/// | `level = "…"` | `trace`, `debug`, `info`, `warn` or `error` | `info` |
/// | `target = "…"` | the span's target | the module's path |
/// | `fields(…)` | more fields, as in `tracing::instrument` | none |
/// | `err = false` | does not record a returned error | `true` |
/// | `crate = "…"` | the path of stagelight, if it was renamed | `::stagelight` |
///
/// ¹ `frontend_processing`, `backend_response`, `stream_processing` or `other`.
///
/// The stage, `name` and `target` may also be the path of a constant, such as
/// `#[stage(stages::AUTH_VALIDATION)]` with `stagelight::stages`. The name of the stage has to be
/// known at compile time, because it becomes a label value.
///
/// `fields` can use the function's arguments: `provider = %provider` formats with `Display`, `?`
/// with `Debug`, `tier = 3` records the value, `%provider` is short for `provider = %provider`. A
/// field without a value, `model`, is empty until `Span::current().record("model", …)`. The fields
/// `provider` and `model` are labels of `backend_fetch` and `stream_processing`.
///
/// Arguments of the function are recorded only if `fields` names them: they may hold keys and
/// prompts.
///
/// # Measured time
///
/// The span is entered from the function's first statement to its return. An `async fn` opens its
/// span at its first poll and enters it while it is polled; dropping the future closes it. In a
/// function without `async` that ends with `async move { … }`, `Box::pin(async move { … })` or
/// `async move { … }.boxed()`, as `async_trait` generates them, that block is measured, and not the
/// code before it.
///
/// A function that declares to return a future and gets it elsewhere is a compile error, because
/// only the creation of the future could be measured. A function that returns a future behind a
/// type alias, or a stream, is measured until it returns.
///
/// # Errors of the stage
///
/// A returned `Err` is recorded as `error.type` and counts as an error of the stage, whether it
/// comes from `?`, `return` or the last expression. It is recognised by value, so aliases such as
/// `io::Result<T>` work. `error.type` is the value of `stagelight::ErrorType` if the error
/// implements it, and the name of its Rust type otherwise. In a generic function this is decided
/// where the function is defined: for `E` without the bound `ErrorType`, it is the type's name. The
/// error itself is neither formatted nor recorded.
///
/// ```
/// # fn main() {
/// use stagelight::{ErrorType, stage};
///
/// enum AuthError {
///     UnknownKey,
///     Expired,
/// }
///
/// impl ErrorType for AuthError {
///     fn error_type(&self) -> &'static str {
///         match self {
///             Self::UnknownKey => "unknown_key",
///             Self::Expired => "expired_key",
///         }
///     }
/// }
///
/// #[stage("auth_validation")]
/// fn authenticate(key: &str) -> Result<(), AuthError> {
///     if key.is_empty() {
///         return Err(AuthError::UnknownKey);
///     }
///     Ok(())
/// }
/// # assert!(authenticate("").is_err_and(|it| it.error_type() == "unknown_key"));
/// # assert_eq!(AuthError::Expired.error_type(), "expired_key");
/// # }
/// ```
///
/// # Cost
///
/// That of the span. The attribute does not allocate, box or clone; while the span is disabled,
/// `fields` are not evaluated.
///
/// # Limits
///
/// Not on a `const fn`. In a function with `#[track_caller]`, the body does not see the caller.
#[proc_macro_attribute]
pub fn stage(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::stage(args.into(), &item.into()).into()
}

/// Measures a function as a request of its own, for work that does not arrive over HTTP: a message
/// of a queue, a scheduled job.
///
/// Its time is broken down by stage like that of an HTTP request.
///
/// ```
/// # fn main() {
/// use stagelight::request;
///
/// # struct JobError; struct Message { kind: &'static str }
/// #[request("nightly_reindex")]
/// async fn reindex() -> Result<(), JobError> {
///     // …
/// #   Ok(())
/// }
///
/// #[request(message.kind, fields(message.size = size))]
/// fn consume(message: Message, size: usize) {
///     // …
/// }
/// # }
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// | --- | --- | --- |
/// | `"route"` | a job, a queue or a route template: 1 to 128 bytes, no `?` | required |
/// | `name = "…"` | the span's name | the function's name |
/// | `level = "…"` | `trace`, `debug`, `info`, `warn` or `error` | `info` |
/// | `target = "…"` | the span's target | the module's path |
/// | `fields(…)` | more fields, as in [`macro@stage`] | none |
/// | `crate = "…"` | the path of stagelight, if it was renamed | `::stagelight` |
///
/// The route may be any expression of the type `&str`. It is evaluated once, when the request
/// starts, and can use the function's arguments. It becomes the label `endpoint`, so it must have
/// few values: never a raw path, an id or a name from outside.
///
/// # How a request ends
///
/// | event | `outcome` | `error.type` |
/// | --- | --- | --- |
/// | the function returns `Ok`, or a value of another type than `Result` | `ok` | – |
/// | it returns `Err` | `error` | recorded |
/// | it returns an `Err` with the `stagelight::ErrorType` `timeout` | `timeout` | recorded |
/// | its future is dropped before it is ready | `cancelled` | – |
/// | it panics; the panic is propagated | `panic` | – |
///
/// `outcome` is recorded once, and last. A future that nothing polls is not a request; one that
/// is dropped because its task panics elsewhere ends with `panic`.
///
/// The span is a child of the current span, so that a trace continued by the caller, for example
/// from a message's headers, includes it.
///
/// # Cost
///
/// That of the span and one clone of it; otherwise as [`macro@stage`], including the limits.
#[proc_macro_attribute]
pub fn request(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::request(args.into(), &item.into()).into()
}
