//! The state of an engine, and the part of it that each thread has for itself.

use std::{
    cell::RefCell,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    catalog::{Outcome, labels::Dropped},
    clock::{Clock, Ticks},
    exemplar::TraceRef,
    fine::FineBuckets,
    key::{NO_SLOT, SpanKey},
    propagation::Propagator,
    store::{Store, Writer},
    symbol::Symbol,
    sync::Mutex,
    timeline::{ActiveRequest, MAX_STAGES, Pool, Recorder, ReleaseOutcome},
    well_known::Groups,
};

/// Everything measured with one engine.
#[derive(Debug)]
// Away from the reference counts, which each guarded request changes: every edge reads this.
#[repr(align(128))]
pub(crate) struct EngineState {
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) created: Ticks,
    pub(crate) store: Store,
    pub(crate) groups: Groups,
    pub(crate) pool: Pool,
    pub(crate) propagator: OnceLock<Arc<dyn Propagator>>,
    /// Serves threads during their teardown.
    spare: Mutex<Option<ThreadState>>,
    threads: AtomicU32,
}

/// One thread's part of an engine.
#[derive(Debug)]
pub(crate) struct ThreadState {
    /// The engine's id, which is cheaper to compare than its address.
    engine_id: u64,
    engine: Weak<EngineState>,
    /// Unique among all threads of the engine, including ended ones. Never zero.
    pub(crate) number: u32,
    pub(crate) writer: Writer,
    /// Indices of free requests.
    free_requests: Vec<u32>,
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

thread_local! {
    // A process has one engine and tests have many, so the first entry nearly always matches.
    static THREAD: RefCell<Vec<ThreadState>> = const { RefCell::new(Vec::new()) };
}

const _: () = assert!(NO_SLOT as usize > MAX_STAGES);

// === impl EngineState ===

impl EngineState {
    pub(crate) fn new(clock: Clock, fine: FineBuckets) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let store = Store::new(fine);
        Self {
            id: IDS.fetch_add(1, Relaxed),
            created: clock.now(),
            clock,
            groups: Groups::new(),
            store,
            pool: Pool::new(),
            propagator: OnceLock::new(),
            spare: Mutex::new(None),
            threads: AtomicU32::new(0),
        }
    }

    /// Runs `f` once, with the calling thread's part of the engine.
    ///
    /// While the thread is torn down and its thread-locals are gone, uses a spare part under a
    /// mutex.
    #[inline]
    pub(crate) fn with_thread<R>(self: &Arc<Self>, mut f: impl FnMut(&mut ThreadState) -> R) -> R {
        let result = THREAD.try_with(|threads| {
            let mut threads = threads.try_borrow_mut().ok()?;
            let position = threads
                .iter()
                .position(|it| it.engine_id == self.id)
                .unwrap_or_else(|| self.add_thread(&mut threads));
            Some(f(&mut threads[position]))
        });
        result.ok().flatten().unwrap_or_else(|| self.with_spare(&mut f))
    }

    #[cold]
    fn with_spare<R>(self: &Arc<Self>, f: &mut impl FnMut(&mut ThreadState) -> R) -> R {
        f(self.spare.lock().get_or_insert_with(|| ThreadState::new(self)))
    }

    #[cold]
    fn add_thread(self: &Arc<Self>, threads: &mut Vec<ThreadState>) -> usize {
        threads.retain(|it| 0 < it.engine.strong_count());
        threads.push(ThreadState::new(self));
        threads.len() - 1
    }

    /// Returns the request of an open span, or `None` if it has none or the key is stale.
    #[inline]
    pub(crate) fn request(&self, key: SpanKey) -> Option<&ActiveRequest> {
        if key.is_none() {
            return None;
        }
        self.pool.get(key.request()).filter(|it| key.is_of(it.generation()))
    }

    /// Starts a request. With too many at once, counts it as dropped and returns
    /// [`SpanKey::NONE`].
    pub(crate) fn start_request(
        &self,
        thread: &mut ThreadState,
        now: Ticks,
        endpoint: Symbol,
        has_guard: bool,
    ) -> SpanKey {
        let index = self.pool.take(&mut thread.free_requests);
        let Some((index, request)) = index.and_then(|it| Some((it, self.pool.get(it)?))) else {
            thread.writer.count_dropped(&self.store, Dropped::TooManyRequests);
            return SpanKey::NONE;
        };
        request.start(thread.number, now, endpoint, has_guard);
        SpanKey::for_request(index, request.generation())
    }

    /// Releases one holder of a request. With an `outcome`, ends the request first.
    ///
    /// Returns `None` if the request is not measured.
    pub(crate) fn release(
        &self,
        thread: &mut ThreadState,
        key: SpanKey,
        now: Ticks,
        outcome: Option<Outcome>,
    ) -> Option<ReleaseOutcome> {
        let released = self.request(key)?.release(now, outcome, &mut self.recorder(thread));
        if released.is_last {
            self.pool.put_back(&mut thread.free_requests, key.request());
        }
        Some(released)
    }

    #[inline]
    pub(crate) fn recorder<'a>(&'a self, thread: &'a mut ThreadState) -> Recorder<'a> {
        Recorder {
            clock: &self.clock,
            store: &self.store,
            groups: &self.groups,
            writer: &mut thread.writer,
            thread: thread.number,
        }
    }
}

// === impl ThreadState ===

impl ThreadState {
    fn new(engine: &Arc<EngineState>) -> Self {
        Self {
            engine_id: engine.id,
            engine: Arc::downgrade(engine),
            number: engine.threads.fetch_add(1, Relaxed).wrapping_add(1),
            writer: Writer::new(&engine.store),
            free_requests: Vec::new(),
            pending: SpanKey::NONE,
            current: None,
        }
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        let Some(engine) = self.engine.upgrade() else { return };
        self.writer.retire(&engine.store);
        engine.pool.put_all_back(&mut self.free_requests);
    }
}

// === impl CurrentSpan ===

impl CurrentSpan {
    pub(crate) fn trace_ref(self, clock: &Clock) -> TraceRef {
        TraceRef { trace_id: self.trace_id, span_id: self.span_id, at: clock.now() }
    }
}
