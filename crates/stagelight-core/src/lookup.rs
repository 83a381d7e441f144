//! From a `tracing` span to its request.

use std::fmt;

use tracing::{Dispatch, dispatcher, span::Id};

use crate::{engine::Engine, key::SpanKey, trace::UnsampledTrace};

/// How a layer finds the key of a span by its id. The layer offers it by `downcast_raw`, whatever its own type.
#[derive(Clone, Copy)]
pub struct SpanLookup(Find);

type Find = for<'a> fn(&'a Dispatch, &Id) -> Option<(&'a Engine, SpanKey)>;

// === impl UnsampledTrace ===

impl UnsampledTrace {
    /// Returns the trace of a span whose request is not recorded; `None` for all other spans.
    #[must_use]
    pub fn of(span: &tracing::Span) -> Option<Self> {
        span.with_subscriber(|(id, dispatch)| find(dispatch, id)).flatten()
    }

    /// Returns the trace of the span that the thread is in, if its request is not recorded.
    #[must_use]
    pub fn current() -> Option<Self> {
        dispatcher::get_default(|dispatch| find(dispatch, dispatch.current_span().id()?))
    }
}

fn find(dispatch: &Dispatch, id: &Id) -> Option<UnsampledTrace> {
    let (engine, key) = SpanLookup::find(dispatch, id)?;
    engine.unsampled_trace(key)
}

// === impl SpanLookup ===

impl SpanLookup {
    /// Makes a lookup of a function that is given a subscriber, and the id of an open span in it.
    #[must_use]
    pub const fn new(find: Find) -> Self {
        Self(find)
    }

    /// Returns the key of an open span, and the engine that it is a key of. `None` if no layer of the subscriber offers a lookup.
    #[must_use]
    pub fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(&'a Engine, SpanKey)> {
        (subscriber.downcast_ref::<Self>()?.0)(subscriber, id)
    }
}

impl fmt::Debug for SpanLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanLookup").finish_non_exhaustive()
    }
}
