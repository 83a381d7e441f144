//! Finds the keys of spans for code that has only the spans.

use stagelight_core::{SpanKey, SpanKeys, SpanLookup};
use tracing::Span;

/// Asks the layer that a span was made under; there may be several subscribers.
#[derive(Debug)]
pub(crate) struct ByLayer {
    /// The engine's [`id`](stagelight_core::Engine::id): another's keys mean nothing to it.
    pub(crate) engine: u64,
}

// === impl ByLayer ===

impl SpanKeys for ByLayer {
    fn key_of(&self, span: &Span) -> SpanKey {
        let key = span.with_subscriber(|(id, dispatch)| {
            let (engine, key) = SpanLookup::find(dispatch, id)?;
            (engine.id() == self.engine).then_some(key)
        });
        key.flatten().unwrap_or_default()
    }
}
