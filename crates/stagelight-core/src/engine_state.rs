//! The state of an engine.

use std::{
    cell::RefCell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    catalog::{Outcome, labels::Dropped},
    clock::{Clock, Ticks},
    fine::FineBuckets,
    key::{NO_SLOT, SpanKey},
    propagation::Propagator,
    store::Store,
    symbol::Symbol,
    sync::Mutex,
    thread_state::ThreadState,
    timeline::{
        ActiveRequest, EndedRequest, EndedRequests, MAX_STAGES, Pool, Recorder, ReleaseOutcome,
        RequestIdentity, StageCell, Stale, UnmeasuredRequests,
    },
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
    pub(crate) unmeasured: UnmeasuredRequests,
    /// Ended requests without memory of their own.
    pub(crate) ended: EndedRequests,
    pub(crate) propagator: OnceLock<Arc<dyn Propagator>>,
    /// Serves threads during their teardown.
    spare: Mutex<Option<ThreadState>>,
}

thread_local! {
    // A process has one engine and tests have many, so the first entry nearly always matches.
    static THREAD: RefCell<Vec<ThreadState>> = const { RefCell::new(Vec::new()) };
}

/// A search for ended requests that frees less than one in this many is not repeated for a while.
const MAX_PER_DETACHED: usize = 64;
/// Refills between two such searches.
const DETACH_PAUSE: u32 = 256;
/// Refills between two such searches when a request would be dropped otherwise, or one for each
/// [`MAX_PER_RETRY`] requests in memory if that is more.
const RETRY_PAUSE: u32 = 16;
const MAX_PER_RETRY: u32 = 256;

const _: () = assert!(NO_SLOT as usize > MAX_STAGES);

// === impl EngineState ===

impl EngineState {
    pub(crate) fn new(clock: Clock, fine: FineBuckets, max_requests: u32) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let store = Store::new(fine);
        Self {
            id: IDS.fetch_add(1, Relaxed),
            created: clock.now(),
            clock,
            groups: Groups::new(),
            store,
            pool: Pool::new(max_requests),
            unmeasured: UnmeasuredRequests::default(),
            ended: EndedRequests::default(),
            propagator: OnceLock::new(),
            spare: Mutex::new(None),
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

    /// Starts a request. With too many at once, counts it as dropped, and returns a key under
    /// which only its duration and outcome are recorded.
    pub(crate) fn start_request(
        &self,
        thread: &mut ThreadState,
        now: Ticks,
        endpoint: Symbol,
        has_guard: bool,
    ) -> SpanKey {
        let index = self.pool.take_cached(&thread.cache).or_else(|| self.refill(thread));
        let Some((index, request)) = index.and_then(|it| Some((it, self.pool.get(it)?))) else {
            thread.writer.count_dropped(&self.store, Dropped::TooManyRequests);
            return self.unmeasured.start(now, endpoint);
        };
        request.start(thread.number, now, endpoint, has_guard);
        SpanKey::for_request(index, request.generation())
    }

    /// Takes a free request when the thread caches none.
    #[cold]
    fn refill(&self, thread: &mut ThreadState) -> Option<u32> {
        thread.refills = thread.refills.saturating_add(1);
        let mut taken = self.refill_after(DETACH_PAUSE, thread);
        taken = taken.or_else(|| self.pool.refill(&thread.cache));
        taken.or_else(|| {
            let pause = RETRY_PAUSE.max(self.pool.made() / MAX_PER_RETRY);
            self.refill_after(pause, thread)
        })
    }

    /// Frees the memory of ended requests and takes one, unless the thread has tried with little
    /// success in the last `pause` refills.
    fn refill_after(&self, pause: u32, thread: &mut ThreadState) -> Option<u32> {
        if thread.refills < pause || !self.pool.has_ended_requests() {
            return None;
        }
        let detached = self.detach_ended(thread);
        if detached * MAX_PER_DETACHED < self.pool.made() as usize {
            thread.refills = 0;
        }
        self.pool.take_cached(&thread.cache)
    }

    /// Frees the memory of all ended requests that this thread or an ended one started. Returns
    /// their number.
    pub(crate) fn detach_ended(&self, thread: &mut ThreadState) -> usize {
        for index in self.ended.unpark() {
            if let Some(request) = self.pool.get(index) {
                request.repeat_keys();
                thread.cache.add_lingering(-1);
                self.pool.put_back(&thread.cache, index);
            }
        }
        let threads = self.pool.threads();
        let mut detached = 0;
        for index in 0..self.pool.made() {
            let Some(request) = self.pool.get(index) else { break };
            if request.detach(index, &threads, &self.ended, &mut self.recorder(thread)) {
                thread.cache.add_lingering(-1);
                self.free(thread, index, request);
                detached += 1;
            }
        }
        detached
    }

    /// Frees a request's memory, unless its keys would repeat those of an ended request.
    #[inline]
    fn free(&self, thread: &ThreadState, index: u32, request: &ActiveRequest) {
        if request.generation() == SpanKey::GENERATIONS {
            if self.ended.park(index) {
                thread.cache.add_lingering(1);
                return;
            }
            request.repeat_keys();
        }
        self.pool.put_back(&thread.cache, index);
    }

    /// Opens a stage. Returns its key, or the reason why it is not measured.
    #[inline]
    pub(crate) fn open_stage(
        &self,
        thread: &mut ThreadState,
        parent: SpanKey,
        now: Ticks,
        stage: Symbol,
    ) -> Result<SpanKey, Dropped> {
        let recorder = &mut self.recorder(thread);
        let opened = self.request(parent).ok_or(Stale);
        let opened = opened.and_then(|it| it.open(parent, now, stage, recorder));
        let opened = opened.or_else(|Stale| {
            let late = |it: &mut EndedRequest| it.open(now, stage, parent.slot(), recorder);
            self.ended.with(parent, late).ok_or(Dropped::OutsideRequest)
        })?;
        opened.map(|slot| parent.for_stage(slot)).ok_or(Dropped::TooManyStages)
    }

    /// Closes a stage.
    #[inline]
    pub(crate) fn close_stage(&self, thread: &mut ThreadState, key: SpanKey, now: Ticks) {
        let recorder = &mut self.recorder(thread);
        let closed = self.request(key).map(|it| it.close(key, now, recorder));
        if !matches!(closed, Some(Ok(()))) {
            self.ended.with(key, |it| it.close(now, key.slot(), recorder));
        }
    }

    /// Adds busy time to a stage.
    #[inline]
    pub(crate) fn add_busy(&self, thread: &ThreadState, key: SpanKey, ticks: u64) {
        let added = self.request(key).map(|it| it.add_busy(key, ticks, thread.number));
        if !matches!(added, Some(Ok(()))) {
            self.ended.with_stage(key, |it| it.add_busy_remotely(ticks));
        }
    }

    /// Runs `f` with the attributes of an open stage. `thread` is the calling thread's number, or
    /// zero.
    pub(crate) fn with_stage<R>(
        &self,
        key: SpanKey,
        thread: u32,
        f: impl Fn(&StageCell) -> R,
    ) -> Option<R> {
        match self.request(key).map(|it| it.with_stage(key, thread, &f)) {
            Some(Ok(result)) => result,
            _ => self.ended.with_stage(key, f),
        }
    }

    /// Runs `f` with the endpoint and trace of a request, which may have ended. `f` must not write.
    pub(crate) fn read<R>(&self, key: SpanKey, f: impl Fn(&RequestIdentity) -> R) -> Option<R> {
        match self.request(key).map(|it| it.read(key, &f)) {
            Some(Ok(result)) => Some(result),
            _ => self.ended.with(key, |it| f(it.identity())),
        }
    }

    /// Notes that a value of a request became an exemplar.
    pub(crate) fn mark_exemplar(&self, key: SpanKey) {
        let marked = self.request(key).map(|it| it.mark_exemplar(key));
        if !matches!(marked, Some(Ok(()))) {
            self.ended.with(key, |it| it.identity().mark_exemplar());
        }
    }

    /// Stores the ids under which a request's own span is recorded.
    pub(crate) fn set_recorded(&self, key: SpanKey, ids: (u128, u64)) {
        let stored = self.request(key).map(|it| it.set_recorded(key, ids));
        if !matches!(stored, Some(Ok(()))) {
            self.ended.with(key, |it| it.identity().set_recorded(ids.0, ids.1));
        }
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
        let request = self.request(key)?;
        let released = request.release(key, now, outcome, &mut self.recorder(thread)).ok()?;
        let is_end = released.duration.is_some();
        if released.is_last != is_end {
            thread.cache.add_lingering(if is_end { 1 } else { -1 });
        }
        if released.is_last {
            self.free(thread, key.request(), request);
        }
        Some(released)
    }

    /// Ends a request before its span closes, unless it has ended.
    pub(crate) fn end_request(&self, key: SpanKey, thread: &mut ThreadState, outcome: Outcome) {
        let now = self.clock.now();
        let Some(request) = self.request(key).filter(|it| !it.has_guard()) else {
            self.unmeasured.end(key, now, outcome, &mut self.recorder(thread));
            return;
        };
        if request.end(key, now, outcome, &mut self.recorder(thread)).is_some() {
            thread.cache.add_lingering(1);
        }
    }

    /// Changes the endpoint of a request that has not ended.
    pub(crate) fn set_endpoint(&self, key: SpanKey, endpoint: Symbol) {
        match self.request(key) {
            Some(request) => request.identity().set_endpoint(endpoint),
            None => self.unmeasured.set_endpoint(key, endpoint),
        }
    }

    /// Closes a request's own span. Returns `true` if an exemplar refers to it.
    pub(crate) fn close_request(&self, thread: &mut ThreadState, key: SpanKey, now: Ticks) -> bool {
        if key.is_unmeasured() {
            self.unmeasured.end(key, now, Outcome::Ok, &mut self.recorder(thread));
            self.unmeasured.release(key);
            return false;
        }
        let outcome = self.request(key).filter(|it| !it.has_guard()).map(|_| Outcome::Ok);
        match self.release(thread, key, now, outcome) {
            Some(released) => released.is_exemplar,
            None => self.ended.release(key).unwrap_or(false),
        }
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
