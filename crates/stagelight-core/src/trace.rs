//! Which trace a request is in, and who decides whether it is recorded, without knowing OpenTelemetry.

use std::{any::Any, fmt, sync::Arc};

use tracing::{Dispatch, span::Id};

/// The trace context that a request came with, as whoever read it understands it.
///
/// Core only keeps it, for as long as the request is going on.
#[derive(Clone)]
pub struct RemoteContext(Arc<dyn Any + Send + Sync>);

/// What a request's span is made from.
#[derive(Clone, Copy, Debug)]
pub enum ParentContext<'a> {
    /// A caller elsewhere, by the headers that it sent.
    Remote(&'a RemoteContext),
    /// Whatever the thread is doing.
    Current,
    /// Nothing: the span was made a root.
    Root,
}

/// A request whose trace is to be decided about.
#[derive(Clone, Copy)]
pub struct SamplingInput<'a> {
    /// The name of the request's span.
    pub name: &'static str,
    /// What the span is made from.
    pub parent: ParentContext<'a>,
    /// Looks up the request's endpoint as it is known at its start. Not a value: few gates ask.
    pub endpoint: &'a dyn Fn() -> Option<Arc<str>>,
}

/// What was decided at a request's start, for all spans below it.
#[derive(Clone, Debug)]
pub struct HeadDecision {
    /// Whether the request's spans are recorded.
    pub is_sampled: bool,
    /// The trace that the request is in, recorded or not; never zero.
    pub trace_id: u128,
    /// The span that backends are to take for their parent when none is recorded; never zero.
    pub span_id: u64,
    /// What is to be passed on besides, if it is not the caller's.
    pub propagated: Option<RemoteContext>,
}

/// Decides, once for each request, whether its spans are recorded.
///
/// `stagelight-otel` implements it with the configured sampler. The layer that measures keeps spans of a request that is not
/// recorded away from the layer that makes traces.
pub trait SamplingPolicy: Send + Sync + fmt::Debug {
    /// Decides about a request whose span is being made.
    fn decide(&self, input: SamplingInput<'_>) -> HeadDecision;

    /// Runs `make`, in which a recorded request's span is made known to the layer that makes traces: it is to continue
    /// `parent`, in the trace that was decided about.
    fn in_parent_context(
        &self,
        decision: &HeadDecision,
        parent: ParentContext<'_>,
        make: &mut dyn FnMut(),
    );

    /// Returns the ids of the trace and the span that the thread is in, if that is recorded.
    fn current_ids(&self) -> Option<(u128, u64)>;

    /// Marks a recorded span that is about to close: values of its request became exemplars, so its trace is worth keeping.
    fn mark_for_exemplar(&self, subscriber: &Dispatch, span: &Id);
}

/// The trace of a request that is not recorded, which backends must be told of all the same.
#[derive(Clone, Debug)]
pub struct UnsampledTrace {
    /// The trace's id.
    pub trace_id: u128,
    /// Stands for all spans of the request.
    pub span_id: u64,
    /// What is to be passed on besides.
    pub propagated: Option<RemoteContext>,
}

// === impl RemoteContext ===

impl RemoteContext {
    /// Keeps a context.
    pub fn new<T: Any + Send + Sync>(context: T) -> Self {
        Self(Arc::new(context))
    }

    /// Returns the context, if it is of this type.
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
