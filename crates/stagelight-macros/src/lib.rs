//! The `#[stage]` and `#[request]` attributes of stagelight.
//!
//! Both put a function's body into a `tracing` span with the fields that stagelight measures by,
//! and record on it how the body ended. Use them as `stagelight::stage` and `stagelight::request`;
//! what they generate calls `::stagelight::__private`, so the facade has to be a dependency under
//! its own name, and `tracing` need not be one.
//!
//! | attribute      | fields of the span                                       | recorded at the end      |
//! |----------------|----------------------------------------------------------|--------------------------|
//! | [`macro@stage`]   | `stage`, `stage.group` if given, `error.type`         | `error.type` of an `Err` |
//! | [`macro@request`] | `stagelight.endpoint`, `outcome`, `error.type`        | `outcome`, `error.type`  |
//!
//! This crate knows the names of these fields, and nothing of layers, metrics or OpenTelemetry: a
//! span opened by hand with the same fields is measured the same way.

// In reading order: what the user wrote, then what becomes of it.
mod args;
mod expand;

use proc_macro::TokenStream;

/// Measures a function as a stage of the request that it runs in.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attributes/facade.rs"));
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
/// | argument         | what it says                                             | default               |
/// |------------------|----------------------------------------------------------|-----------------------|
/// | `"name"`         | the stage: 1 to 64 of `A-Z a-z 0-9 _ . -`                | required              |
/// | `group = "…"`    | `frontend_processing`, `backend_response`, `stream_processing` or `other` | the group of a well-known stage, else `other` |
/// | `name = "…"`     | the span's name                                          | the function's name   |
/// | `level = "…"`    | `trace`, `debug`, `info`, `warn` or `error`              | `info`                |
/// | `target = "…"`   | the span's target                                        | the module's path     |
/// | `fields(…)`      | more fields, as in `tracing::instrument`                 | none                  |
/// | `err = false`    | that a returned error is not recorded                    | `true`                |
///
/// The stage, `name` and `target` may each be the path of a constant as well, such as
/// `#[stage(stages::AUTH_VALIDATION)]` with `stagelight::stages`. The name of the stage has to be known when compiling,
/// because it becomes a label value.
///
/// In `fields`, the function's arguments are in sight: `provider = %provider` formats with
/// `Display`, `?` with `Debug`, `tier = 3` records the value, `%provider` is short for
/// `provider = %provider`. A field without a value, `model`, is declared and empty, and
/// `Span::current().record("model", …)` fills it later. A stage with `provider` and `model` is told
/// apart by them where the metric contract says so (`backend_fetch`, `stream_processing`).
///
/// No argument of the function is recorded unless `fields` names it: arguments hold keys and
/// prompts.
///
/// # What is measured
///
/// A function is in its span from its first statement to its return. An `async fn` opens its span
/// when it is first polled and is in it only while it is polled; a future that is dropped half-way
/// closes it. Functions that are not `async` but end with `async move { … }`,
/// `Box::pin(async move { … })` or `async move { … }.boxed()`, as `async_trait` makes them, are
/// measured while that block runs; what stands before the block is not a part of the stage. A
/// function that declares to return a future and gets it elsewhere is refused, because only the
/// making of it could be measured; one that hides it behind an alias of its own, or returns a
/// stream, is measured until it returns.
///
/// # Errors of the stage
///
/// A returned `Err` is recorded as `error.type` and counts as an error of the stage, whether it
/// comes from `?`, `return` or the last expression. It is recognised by value, so an alias such as
/// `io::Result<T>` is seen for what it is. The type is what `stagelight::ErrorType` says if the
/// error implements it, and the name of its Rust type otherwise. In a generic function that is
/// decided where the function is written: for `E` without the bound `ErrorType`, it is the name.
/// The error itself is neither formatted nor recorded.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attributes/facade.rs"));
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
/// That of the span. Nothing is allocated, boxed or cloned by the attribute; while no subscriber
/// wants the span, nothing in `fields` is evaluated.
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
/// Stages inside it are broken down as those of an HTTP request are.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attributes/facade.rs"));
/// # fn main() {
/// use stagelight::request;
///
/// # struct JobError; struct Message { kind: &'static str }
/// #[request(endpoint = "nightly_reindex")]
/// async fn reindex() -> Result<(), JobError> {
///     // …
/// #   Ok(())
/// }
///
/// #[request(endpoint = message.kind, fields(message.size = size))]
/// fn consume(message: Message, size: usize) {
///     // …
/// }
/// # }
/// ```
///
/// # Arguments
///
/// | argument         | what it says                                             | default               |
/// |------------------|----------------------------------------------------------|-----------------------|
/// | `endpoint = …`   | the name of the job or queue, or a route template: 1 to 128 bytes, without `?` | required |
/// | `name = "…"`     | the span's name                                          | the function's name   |
/// | `level = "…"`    | `trace`, `debug`, `info`, `warn` or `error`              | `info`                |
/// | `target = "…"`   | the span's target                                        | the module's path     |
/// | `fields(…)`      | more fields, as in [`macro@stage`]                       | none                  |
///
/// `endpoint` may be any expression of the type `&str`; it is evaluated once, when the request
/// begins, with the arguments in sight. It becomes a label value, so it must be one of few: never a
/// raw path, an id or a name from outside.
///
/// # How a request ends
///
/// | What happens                                                        | `outcome`   | `error.type` |
/// |---------------------------------------------------------------------|-------------|--------------|
/// | the function returns `Ok`, or anything that is not a `Result`       | `ok`        | –            |
/// | it returns `Err`                                                    | `error`     | recorded     |
/// | it returns an `Err` whose type, by `stagelight::ErrorType`, is `timeout` | `timeout` | recorded  |
/// | its future is dropped before it is ready                            | `cancelled` | –            |
/// | it panics; the panic goes on                                        | `panic`     | –            |
///
/// `outcome` is recorded exactly once, and last. A future that is never polled was no request; one
/// that is dropped because its task panics elsewhere counts as `panic`.
///
/// The span is a child of the span that it is opened in, so a trace that the caller continues, from
/// a message's headers for instance, goes on.
///
/// # Cost
///
/// That of the span, and one clone of it. Otherwise as [`macro@stage`], also in its limits and in
/// what it can stand on.
#[proc_macro_attribute]
pub fn request(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::request(args.into(), &item.into()).into()
}
