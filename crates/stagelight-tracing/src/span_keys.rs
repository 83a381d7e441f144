//! Finds the keys of spans for code that has only the spans.

use stagelight_core::{SpanKey, SpanKeys};
use tracing::Span;

use crate::layer::StageLayer;

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
            let layer = dispatch.downcast_ref::<StageLayer>()?;
            (layer.engine_id() == self.engine).then(|| layer.key_of(id))
        });
        key.flatten().unwrap_or_default()
    }
}
