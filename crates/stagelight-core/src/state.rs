//! What an engine is made of, and what each thread has of it. All that drives timelines and store goes through here.

use std::{
    cell::RefCell,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use crate::{
    clock::{Clock, Ticks},
    exemplar::TraceRef,
    key::{NO_SLOT, SpanKey},
    outcome::Outcome,
    propagation::Propagator,
    store::{Store, Writer},
    symbol::Symbol,
    sync::Mutex,
    timeline::{ActiveRequest, Pool, Recorder, ReleaseOutcome},
    well_known::{Dropped, Groups},
};

#[derive(Debug)]
// Apart from the reference counts before it, which every guarded request changes: all that is here is read with every edge.
#[repr(align(128))]
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) created: Ticks,
    pub(crate) store: Store,
    pub(crate) groups: Groups,
    pub(crate) pool: Pool,
    /// Serves threads whose own part is gone already.
    pub(crate) spare: Mutex<Option<Local>>,
    pub(crate) threads: AtomicU32,
    pub(crate) propagator: OnceLock<Arc<dyn Propagator>>,
}

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
    pub(crate) current: Option<CurrentSpan>,
}

/// A span that is recorded as a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentSpan {
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
            current: None,
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

impl CurrentSpan {
    pub(crate) fn trace_ref(self, clock: &Clock) -> TraceRef {
        TraceRef { trace_id: self.trace_id, span_id: self.span_id, at: clock.now() }
    }
}

/// Takes a record for a new request. [`SpanKey::NONE`], and counted, when there are too many at once.
pub(crate) fn start(
    engine: &Arc<Shared>,
    local: &mut Local,
    now: Ticks,
    endpoint: Symbol,
    has_guard: bool,
) -> SpanKey {
    let index = engine.pool.take(&mut local.free_records);
    let Some((index, record)) = index.and_then(|it| Some((it, engine.pool.get(it)?))) else {
        local.writer.count_dropped(&engine.store, Dropped::TooManyRequests);
        return SpanKey::NONE;
    };
    record.start(local.thread, now, endpoint, has_guard);
    SpanKey::request(index, record.generation())
}

/// Ends a request that a guard holds, and gives up the guard's hold. Returns how many nanoseconds it took; `None` when it is not measured.
pub(crate) fn end_guarded(
    engine: &Arc<Shared>,
    key: SpanKey,
    now: Ticks,
    outcome: Outcome,
) -> Option<u64> {
    with(engine, |local| release(engine, local, key, now, Some(outcome)).and_then(|it| it.duration))
}

/// Returns the record of an open span. `None` when it is in no request, or the key is stale.
#[inline]
pub(crate) fn record(engine: &Shared, key: SpanKey) -> Option<&ActiveRequest> {
    if key.is_none() {
        return None;
    }
    engine.pool.get(key.record()).filter(|it| key.is_of(it.generation()))
}

pub(crate) fn release(
    engine: &Shared,
    local: &mut Local,
    key: SpanKey,
    now: Ticks,
    outcome: Option<Outcome>,
) -> Option<ReleaseOutcome> {
    let released = record(engine, key)?.release(now, outcome, &mut recorder(engine, local));
    if released.is_last {
        engine.pool.put_back(&mut local.free_records, key.record());
    }
    Some(released)
}

#[inline]
pub(crate) fn recorder<'a>(engine: &'a Shared, local: &'a mut Local) -> Recorder<'a> {
    Recorder {
        clock: &engine.clock,
        store: &engine.store,
        groups: &engine.groups,
        writer: &mut local.writer,
        thread: local.thread,
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn next_thread(&self) -> u32 {
        // From 1: no thread is thread 0.
        self.threads.fetch_add(1, Relaxed).wrapping_add(1)
    }
}

const _: () = assert!(NO_SLOT as usize > crate::timeline::MAX_STAGES);
