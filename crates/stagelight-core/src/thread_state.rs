//! The part of an engine that each thread has for itself.

use std::sync::{Arc, Weak};

use crate::{
    clock::Clock, engine_state::EngineState, exemplar::TraceRef, key::SpanKey, store::Writer,
    timeline::Cache,
};

/// One thread's part of an engine.
#[derive(Debug)]
pub(crate) struct ThreadState {
    /// The engine's id, which is cheaper to compare than its address.
    pub(crate) engine_id: u64,
    pub(crate) engine: Weak<EngineState>,
    /// The [cache's](Cache::number) number.
    pub(crate) number: u32,
    pub(crate) writer: Writer,
    pub(crate) cache: Arc<Cache>,
    /// Refills since the last search for ended requests that freed little.
    pub(crate) refills: u32,
    /// The request that waits for its span.
    pub(crate) pending: SpanKey,
    /// The innermost entered span, if it is recorded in a trace.
    pub(crate) current: Option<CurrentSpan>,
}

/// An entered span of a recorded trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentSpan {
    pub(crate) key: SpanKey,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
}

// === impl ThreadState ===

impl ThreadState {
    pub(crate) fn new(engine: &Arc<EngineState>) -> Self {
        let cache = engine.pool.add_cache();
        Self {
            engine_id: engine.id,
            engine: Arc::downgrade(engine),
            number: cache.number,
            writer: Writer::new(&engine.store),
            cache,
            refills: u32::MAX,
            pending: SpanKey::NONE,
            current: None,
        }
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        let Some(engine) = self.engine.upgrade() else { return };
        self.writer.retire(&engine.store);
        engine.pool.remove_cache(&self.cache);
    }
}

// === impl CurrentSpan ===

impl CurrentSpan {
    pub(crate) fn trace_ref(self, clock: &Clock) -> TraceRef {
        TraceRef { trace_id: self.trace_id, span_id: self.span_id, at: clock.now() }
    }
}
