//! From a `tracing` span to its key.

use std::fmt;

use tracing::{Dispatch, Span, dispatcher, span::Id};

use crate::{key::SpanKey, layer_api::span_engine::SpanEngine, trace::UnsampledTrace};

/// Finds the key of an open span by its id.
///
/// A layer that has keys returns a pointer to its `SpanLookup` from `Layer::downcast_raw`, so that
/// other crates find keys without knowing the layer's type.
///
/// ```
/// use stagelight_core::{
///     Engine,
///     layer_api::{SpanEngine, SpanKey, SpanLookup},
/// };
/// use tracing::{Dispatch, span::Id};
///
/// struct MyLayer {
///     engine: Engine,
///     lookup: SpanLookup,
/// }
///
/// fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(SpanEngine<'a>, SpanKey)> {
///     let layer = subscriber.downcast_ref::<MyLayer>()?;
///     # let _ = id;
///     # let key_of = |_: &Id| SpanKey::NONE;
///     Some((layer.engine.spans(), key_of(id)))
/// }
///
/// let layer = MyLayer { engine: Engine::new(), lookup: SpanLookup::new(find) };
/// # let _ = layer.lookup;
/// assert!(SpanLookup::find(&Dispatch::none(), &Id::from_u64(1)).is_none());
/// ```
#[derive(Clone, Copy)]
pub struct SpanLookup(Find);

type Find = for<'a> fn(&'a Dispatch, &Id) -> Option<(SpanEngine<'a>, SpanKey)>;

/// Returns the trace context that a span's request propagates if it is unsampled.
#[must_use]
pub fn unsampled_trace(span: &Span) -> Option<UnsampledTrace> {
    span.with_subscriber(|(id, dispatch)| find_unsampled(dispatch, id)).flatten()
}

/// Returns the trace context that the current span's request propagates if it is unsampled.
#[must_use]
pub fn current_unsampled_trace() -> Option<UnsampledTrace> {
    dispatcher::get_default(|dispatch| find_unsampled(dispatch, dispatch.current_span().id()?))
}

fn find_unsampled(dispatch: &Dispatch, id: &Id) -> Option<UnsampledTrace> {
    let (spans, key) = SpanLookup::find(dispatch, id)?;
    spans.unsampled_trace(key)
}

// === impl SpanLookup ===

impl SpanLookup {
    /// Creates a lookup from a function that receives a subscriber and the id of an open span.
    #[must_use]
    pub const fn new(find: Find) -> Self {
        Self(find)
    }

    /// Returns the key of an open span and the engine it belongs to, or `None` if no layer of the
    /// subscriber has a lookup.
    #[must_use]
    pub fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(SpanEngine<'a>, SpanKey)> {
        (subscriber.downcast_ref::<Self>()?.0)(subscriber, id)
    }
}

impl fmt::Debug for SpanLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanLookup").finish_non_exhaustive()
    }
}
