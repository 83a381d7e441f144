//! The trace of a request and the sampling decision, without OpenTelemetry's types.

use std::{any::Any, fmt, sync::Arc};

use tracing::{Dispatch, span::Id};

/// Trace context from the headers of a request, in the propagator's own type.
///
/// Core only holds it while the request runs.
#[derive(Clone)]
pub struct RemoteContext(Arc<dyn Any + Send + Sync>);

/// The parent of a request's span.
#[derive(Clone, Copy, Debug)]
pub enum ParentContext<'a> {
    /// A remote span, from the request's headers.
    Remote(&'a RemoteContext),
    /// The thread's current context.
    Current,
    /// None: the span was created as a root.
    Root,
}

/// The input of a head sampling decision.
#[derive(Clone, Copy)]
pub struct SamplingInput<'a> {
    /// The name of the request's span.
    pub name: &'static str,
    /// The parent of the request's span.
    pub parent: ParentContext<'a>,
    /// Returns the request's endpoint at its start. A function, because few policies need it.
    pub endpoint: &'a dyn Fn() -> Option<Arc<str>>,
}

/// The sampling decision at a request's start, which all spans below inherit.
#[derive(Clone, Debug)]
pub struct HeadDecision {
    /// Whether the request's spans are recorded.
    pub is_sampled: bool,
    /// The request's trace, recorded or not. Never zero.
    pub trace_id: u128,
    /// The parent propagated to backends if no span is recorded. Never zero.
    pub span_id: u64,
    /// Further context to propagate, if it differs from the remote context.
    pub propagated: Option<RemoteContext>,
}

/// Decides once per request whether its spans are recorded.
///
/// `stagelight-otel` implements it with the configured sampler. `StageLayer` does not forward the
/// spans of an unsampled request to the span recorder.
///
/// ```
/// use stagelight_core::{HeadDecision, ParentContext, SamplingInput, SamplingPolicy};
/// use tracing::{Dispatch, span::Id};
///
/// /// Samples only requests with remote context.
/// #[derive(Debug)]
/// struct OnlyRemote;
///
/// impl SamplingPolicy for OnlyRemote {
///     fn decide(&self, input: SamplingInput<'_>) -> HeadDecision {
///         HeadDecision {
///             is_sampled: matches!(input.parent, ParentContext::Remote(_)),
///             trace_id: 1, // a random number in practice
///             span_id: 1,
///             propagated: None,
///         }
///     }
///
///     fn in_parent_context(
///         &self,
///         _: &HeadDecision,
///         _: ParentContext<'_>,
///         make: &mut dyn FnMut(),
///     ) {
///         make(); // with the parent as the current context
///     }
///
///     fn current_ids(&self) -> Option<(u128, u64)> {
///         None
///     }
///
///     fn mark_for_exemplar(&self, _: &Dispatch, _: &Id) {}
/// }
///
/// let input = SamplingInput { name: "request", parent: ParentContext::Root, endpoint: &|| None };
/// assert!(!OnlyRemote.decide(input).is_sampled);
/// ```
pub trait SamplingPolicy: Send + Sync + fmt::Debug {
    /// Decides about a request while its span is created.
    fn decide(&self, input: SamplingInput<'_>) -> HeadDecision;

    /// Runs `make`, which forwards the new span of a sampled request to the span recorder. While
    /// it runs, `parent` and the decided trace must be the current context.
    fn in_parent_context(
        &self,
        decision: &HeadDecision,
        parent: ParentContext<'_>,
        make: &mut dyn FnMut(),
    );

    /// Returns the trace and span ids of the thread's current span if it is recorded.
    fn current_ids(&self) -> Option<(u128, u64)>;

    /// Marks a recorded request span before it closes, because an exemplar refers to it.
    fn mark_for_exemplar(&self, subscriber: &Dispatch, span: &Id);
}

/// Trace context of an unsampled request, propagated to backends with the sampled flag off.
#[derive(Clone, Debug)]
pub struct UnsampledTrace {
    /// The request's trace.
    pub trace_id: u128,
    /// The id that stands for all spans of the request.
    pub span_id: u64,
    /// Further context to propagate.
    pub propagated: Option<RemoteContext>,
}

// === impl RemoteContext ===

impl RemoteContext {
    /// Wraps a context of any type.
    pub fn new<T: Any + Send + Sync>(context: T) -> Self {
        Self(Arc::new(context))
    }

    /// Returns the context if it has the type `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for RemoteContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteContext").finish_non_exhaustive()
    }
}

// === impl SamplingInput ===

impl fmt::Debug for SamplingInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplingInput")
            .field("name", &self.name)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}
