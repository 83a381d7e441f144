//! Propagation of trace context between processes, without OpenTelemetry's types.

use std::fmt;

use crate::trace::RemoteContext;

/// Extracts trace context from the headers of a request, and injects it.
///
/// `stagelight-otel` implements it with OpenTelemetry's propagators. Headers are passed as
/// functions, so that neither side depends on the other's header type.
///
/// ```
/// use stagelight_core::{Propagator, RemoteContext};
/// use tracing::Span;
///
/// /// Propagates a header as it came.
/// #[derive(Debug)]
/// struct Tenant;
///
/// impl Propagator for Tenant {
///     fn extract(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<RemoteContext> {
///         get("x-tenant").map(RemoteContext::new)
///     }
///
///     fn adopt(&self, span: &Span, get: &dyn Fn(&str) -> Option<String>) {
///         span.record("tenant", get("x-tenant"));
///     }
///
///     fn inject(&self, _: &Span, set: &mut dyn FnMut(&str, String)) {
///         set("x-tenant", "acme".to_owned());
///     }
/// }
///
/// let context = Tenant.extract(&|_| Some("acme".to_owned())).unwrap();
/// assert_eq!(context.get::<String>().unwrap(), "acme");
/// ```
pub trait Propagator: Send + Sync + fmt::Debug {
    /// Returns the remote context in the headers, or `None` if there is none or it is malformed.
    ///
    /// `get` returns the value of a header by its lower-case name. Defaults to `None`, which
    /// leaves the trace to [`adopt`](Self::adopt).
    fn extract(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<RemoteContext> {
        let _ = get;
        None
    }

    /// Makes `span` a child of the remote span in the headers. Does nothing if there is none or it
    /// is malformed.
    ///
    /// `get` is that of [`extract`](Self::extract). Called before the span is first entered, and
    /// only if no sampling policy has decided about the request;
    /// [`Request::link_from`](crate::Request::link_from) does both.
    fn adopt(&self, span: &tracing::Span, get: &dyn Fn(&str) -> Option<String>);

    /// Writes the headers with which a remote service continues the trace of `span`.
    ///
    /// Calls `set` with lower-case names.
    fn inject(&self, span: &tracing::Span, set: &mut dyn FnMut(&str, String));
}
