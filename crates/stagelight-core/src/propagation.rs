//! How trace context crosses process borders, without knowing OpenTelemetry.

use std::fmt;

use crate::trace::RemoteContext;

/// Reads trace context from, and writes it to, the headers of a request.
///
/// `stagelight-otel` implements it with OpenTelemetry's propagators. Headers are given as functions, so that neither side
/// needs to know the other's header type.
pub trait Propagator: Send + Sync + fmt::Debug {
    /// Reads the remote span that the headers name, and what else they carry; `None` if they name none, or badly.
    ///
    /// `get` is as in [`adopt`](Self::adopt). The default reads nothing, and leaves the trace to `adopt`.
    fn extract(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<RemoteContext> {
        let _ = get;
        None
    }

    /// Makes `span` a child of the remote span that the headers name; nothing if they name none, or badly.
    ///
    /// `get` returns the value of a header, by its lower-case name. To be called before the span is first entered, and only
    /// if no gate decided about it: [`Request::link_from`](crate::Request::link_from) knows.
    fn adopt(&self, span: &tracing::Span, get: &dyn Fn(&str) -> Option<String>);

    /// Writes the headers that let a remote service continue the trace of `span`.
    ///
    /// `set` is called with lower-case names.
    fn inject(&self, span: &tracing::Span, set: &mut dyn FnMut(&str, String));
}
