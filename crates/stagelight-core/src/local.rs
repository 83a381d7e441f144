//! What each thread has of each engine.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

use crate::{clock::Clock, engine::Shared, exemplar::Traced, key::SpanKey, store::Writer};

/// A thread's part of one engine.
#[derive(Debug)]
pub(crate) struct Local {
    /// The number of the engine, which is quicker to compare than its address.
    id: u64,
    engine: Weak<Shared>,
    /// Tells this thread from all others of the engine, ended ones included.
    pub(crate) thread: u32,
    pub(crate) writer: Writer,
    pub(crate) free_records: Vec<u32>,
    /// The request that waits for its span to be made.
    pub(crate) pending: SpanKey,
    /// The innermost span that the thread is in, if that is recorded as a trace.
    pub(crate) inside: Option<Inside>,
}

/// A span that is recorded as a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    pub(crate) key: SpanKey,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
}

thread_local! {
    // A process has one engine, tests have many: the first entry nearly always fits.
    static LOCALS: RefCell<Vec<Local>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`, once, with the calling thread's part of `engine`.
///
/// While the thread is being torn down, when thread-locals are gone, a spare part under a mutex serves.
#[inline]
pub(crate) fn with<R>(engine: &Arc<Shared>, mut f: impl FnMut(&mut Local) -> R) -> R {
    let served = LOCALS.try_with(|locals| {
        let mut locals = locals.try_borrow_mut().ok()?;
        let position = locals
            .iter()
            .position(|it| it.id == engine.id)
            .unwrap_or_else(|| add(&mut locals, engine));
        Some(f(&mut locals[position]))
    });
    served.ok().flatten().unwrap_or_else(|| with_spare(engine, &mut f))
}

#[cold]
fn with_spare<R>(engine: &Arc<Shared>, f: &mut impl FnMut(&mut Local) -> R) -> R {
    f(engine.spare.lock().get_or_insert_with(|| Local::new(engine)))
}

#[cold]
fn add(locals: &mut Vec<Local>, engine: &Arc<Shared>) -> usize {
    locals.retain(|it| 0 < it.engine.strong_count());
    locals.push(Local::new(engine));
    locals.len() - 1
}

// === impl Local ===

impl Local {
    fn new(engine: &Arc<Shared>) -> Self {
        Self {
            id: engine.id,
            engine: Arc::downgrade(engine),
            thread: engine.next_thread(),
            writer: Writer::new(&engine.store),
            free_records: Vec::new(),
            pending: SpanKey::NONE,
            inside: None,
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let Some(engine) = self.engine.upgrade() else { return };
        self.writer.retire(&engine.store);
        engine.pool.put_all_back(&mut self.free_records);
    }
}

// === impl Inside ===

impl Inside {
    pub(crate) fn traced(self, clock: &Clock) -> Traced {
        Traced { trace_id: self.trace_id, span_id: self.span_id, at: clock.now() }
    }
}
