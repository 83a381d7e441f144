//! One request while it runs.
//!
//! The thread that starts a request *owns* it and appends edges to an
//! [`EdgeBuffer`] that only it writes. All other threads are *remote*; they add edges to the
//! [`RequestState`], under a mutex. The thread that ends the request, or the owner when its buffer
//! is full, sorts and applies both.
//!
//! While a span of an ended request is open, its owner may [detach](ActiveRequest::detach) it, so
//! that the memory can be reused. Only the owner, because only its accesses need no mutex. All
//! other threads compare the key's generation again under the mutex.

use std::ops::DerefMut;

use crate::{
    catalog::Outcome,
    clock::Ticks,
    key::{NO_SLOT, SpanKey},
    symbol::Symbol,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
            fence,
        },
    },
    timeline::{
        edge_buffer::{Edge, EdgeBuffer, OWNER_SLOTS, StageCell},
        ended::{EndedRequest, EndedRequests},
        identity::RequestIdentity,
        pool::Threads,
        recorder::Recorder,
        request_state::RequestState,
    },
};

/// One request. Allocated once and reused; see [`Pool`](crate::timeline::Pool).
///
/// Relaxed loads suffice for the fields that only [`start`](Self::start) writes: a thread learns
/// of a key only from one that knew it, and the first of those started the request.
#[derive(Debug)]
// Neighbouring requests are written by different threads.
#[repr(align(128))]
pub(crate) struct ActiveRequest {
    /// Number of earlier uses, which distinguishes stale keys. No key has
    /// [`SpanKey::GENERATIONS`].
    generation: AtomicU32,
    /// Holders that may still add edges: the request's guard and its span.
    holders: AtomicU32,
    has_guard: AtomicBool,
    is_ended: AtomicBool,
    owner: AtomicU32,
    started: AtomicU64,
    /// Bit set of the owner's slots in use. Written by the owner alone.
    owner_slots: AtomicU32,
    identity: RequestIdentity,
    buffer: EdgeBuffer,
    state: Mutex<RequestState>,
}

/// The key belongs to an earlier use of the request's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stale;

/// The result of releasing a holder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReleaseOutcome {
    /// It was the last holder, so the request can be reused.
    pub(crate) is_last: bool,
    /// It was the last holder, and values of the request became exemplars.
    pub(crate) is_exemplar: bool,
    /// The request's duration in nanoseconds, if this release ended it.
    pub(crate) duration: Option<u64>,
}

// === impl ActiveRequest ===

impl ActiveRequest {
    pub(crate) fn new() -> Self {
        Self {
            generation: AtomicU32::new(0),
            holders: AtomicU32::new(0),
            has_guard: AtomicBool::new(false),
            is_ended: AtomicBool::new(true),
            owner: AtomicU32::new(0),
            started: AtomicU64::new(0),
            owner_slots: AtomicU32::new(0),
            identity: RequestIdentity::default(),
            buffer: EdgeBuffer::new(),
            state: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// Starts again with the first keys.
    pub(crate) fn repeat_keys(&self) {
        self.generation.store(0, Relaxed);
        fence(Release);
    }

    #[cfg(test)]
    pub(crate) fn set_generation(&self, generation: u32) {
        self.generation.store(generation, Relaxed);
    }

    pub(crate) fn has_guard(&self) -> bool {
        self.has_guard.load(Relaxed)
    }

    pub(crate) fn identity(&self) -> &RequestIdentity {
        &self.identity
    }

    /// Starts a request on its owner thread, with one holder.
    pub(crate) fn start(&self, thread: u32, now: Ticks, endpoint: Symbol, has_guard: bool) {
        self.started.store(now.0, Relaxed);
        self.owner.store(thread, Relaxed);
        self.owner_slots.store(0, Relaxed);
        self.has_guard.store(has_guard, Relaxed);
        self.is_ended.store(false, Relaxed);
        self.identity.set_endpoint(endpoint);
        self.buffer.clear();
        self.holders.store(1, Relaxed);
    }

    /// Adds a holder. Only a holder may call this: without one, the request may be free already.
    pub(crate) fn hold(&self) {
        self.holders.fetch_add(1, Relaxed);
    }

    /// Opens a stage below `parent`. Returns its slot, or `None` when too many stages are open.
    #[inline]
    pub(crate) fn open(
        &self,
        parent: SpanKey,
        now: Ticks,
        stage: Symbol,
        recorder: &mut Recorder<'_>,
    ) -> Result<Option<u16>, Stale> {
        if self.is_owner(recorder.thread)
            && let Some((slot, cell)) = self.take_owner_slot(recorder)
        {
            cell.start(stage, parent.slot());
            self.buffer.push(Edge { offset: self.offset(now), slot, is_close: false });
            return Ok(Some(slot));
        }
        let state = &mut *self.lock(parent)?;
        Ok(self.open_remotely(parent.slot(), now, stage, state, recorder))
    }

    fn open_remotely(
        &self,
        parent: u16,
        now: Ticks,
        stage: Symbol,
        state: &mut RequestState,
        recorder: &mut Recorder<'_>,
    ) -> Option<u16> {
        let slot = state.allocate_overflow().or_else(|| {
            // Closed stages keep their slots until they are drained.
            self.drain(state, recorder);
            state.allocate_overflow()
        })?;
        state.overflow_stage(usize::from(slot))?.start(stage, parent);
        self.push_remote(state, Edge { offset: self.offset(now), slot, is_close: false }, recorder);
        Some(slot)
    }

    /// Closes a stage.
    #[inline]
    pub(crate) fn close(
        &self,
        key: SpanKey,
        now: Ticks,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Stale> {
        if !self.is_owner(recorder.thread) {
            let state = &mut *self.lock(key)?;
            let edge = Edge { offset: self.offset(now), slot: key.slot(), is_close: true };
            self.push_remote(state, edge, recorder);
            return Ok(());
        }
        let edge = Edge { offset: self.offset(now), slot: key.slot(), is_close: true };
        if self.buffer.is_full() {
            self.flush(recorder);
        }
        self.buffer.push(edge);
        // If another thread ends the request at this moment and neither thread sees the other, the
        // last release drains the edge.
        if self.is_ended.load(Acquire) {
            self.drain(&mut self.state.lock(), recorder);
        }
        Ok(())
    }

    /// Adds busy time to a stage.
    #[inline]
    pub(crate) fn add_busy(&self, key: SpanKey, ticks: u64, thread: u32) -> Result<(), Stale> {
        let is_owner = self.is_owner(thread);
        self.with_stage(key, thread, |stage| {
            if is_owner {
                stage.add_busy_as_owner(ticks);
            } else {
                stage.add_busy_remotely(ticks);
            }
        })?;
        Ok(())
    }

    /// Runs `f` with the attributes of a stage.
    #[inline]
    pub(crate) fn with_stage<R>(
        &self,
        key: SpanKey,
        thread: u32,
        f: impl FnOnce(&StageCell) -> R,
    ) -> Result<Option<R>, Stale> {
        if self.is_owner(thread)
            && let Some(stage) = self.buffer.stage(usize::from(key.slot()))
        {
            return Ok(Some(f(stage)));
        }
        if key.slot() == NO_SLOT {
            return Ok(None);
        }
        let state = self.lock(key)?;
        let slot = usize::from(key.slot());
        Ok(self.buffer.stage(slot).or_else(|| state.overflow_stage(slot)).map(f))
    }

    /// Stores the ids under which the request's own span is recorded.
    pub(crate) fn set_recorded(&self, key: SpanKey, ids: (u128, u64)) -> Result<(), Stale> {
        if !self.read(key, RequestIdentity::is_recorded)? {
            let _state = self.lock(key)?;
            self.identity.set_recorded(ids.0, ids.1);
        }
        Ok(())
    }

    /// Notes that a value of the request became an exemplar.
    pub(crate) fn mark_exemplar(&self, key: SpanKey) -> Result<(), Stale> {
        let _state = self.lock(key)?;
        self.identity.mark_exemplar();
        Ok(())
    }

    /// Runs `f` with the request's endpoint and trace, or with those of the next request, whose
    /// result is discarded: `f` must not write.
    pub(crate) fn read<R>(
        &self,
        key: SpanKey,
        f: impl FnOnce(&RequestIdentity) -> R,
    ) -> Result<R, Stale> {
        let result = f(&self.identity);
        // If `f` has read a value of a later use, this reads that use's generation.
        fence(Acquire);
        if key.is_of(self.generation()) { Ok(result) } else { Err(Stale) }
    }

    /// Ends the request and records it. Returns its duration in nanoseconds, or `None` if it had
    /// already ended.
    pub(crate) fn end(
        &self,
        key: SpanKey,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        self.end_locked(&mut *self.lock(key).ok()?, now, outcome, recorder)
    }

    /// Releases one holder. With an `outcome`, ends the request first.
    pub(crate) fn release(
        &self,
        key: SpanKey,
        now: Ticks,
        outcome: Option<Outcome>,
        recorder: &mut Recorder<'_>,
    ) -> Result<ReleaseOutcome, Stale> {
        let state = &mut *self.lock(key)?;
        let mut duration =
            outcome.and_then(|outcome| self.end_locked(state, now, outcome, recorder));
        // Acquire: the edges of the other holder's threads come before its own release.
        let is_last = self.holders.fetch_sub(1, AcqRel) == 1;
        let mut is_exemplar = false;
        if is_last {
            duration =
                duration.or_else(|| self.end_locked(state, now, Outcome::Cancelled, recorder));
            self.drain(state, recorder);
            is_exemplar = self.identity.is_exemplar();
            self.recycle(state);
        }
        Ok(ReleaseOutcome { is_last, is_exemplar, duration })
    }

    /// Moves what open spans may still record to `ended` if the request has ended, so that its
    /// memory can be reused. `index` is the request's in the pool. Returns whether it did.
    ///
    /// Does nothing except on the owner thread, unless that has ended.
    pub(crate) fn detach(
        &self,
        index: u32,
        threads: &Threads,
        ended: &EndedRequests,
        recorder: &mut Recorder<'_>,
    ) -> bool {
        let thread = recorder.thread;
        let is_alone = || self.is_owner(thread) || threads.has_ended(self.owner.load(Relaxed));
        if !is_alone() || self.holders.load(Relaxed) == 0 {
            return false;
        }
        // A hint, which saves open requests the mutex.
        if !self.is_ended.load(Acquire) {
            return false;
        }
        let state = &mut *self.state.lock();
        // Again, because another thread may have started it since. If it has ended, its guard has
        // been released, and the holders are its spans.
        if !state.is_ended() || !is_alone() {
            return false;
        }
        self.drain(state, recorder);
        let request = EndedRequest {
            started: Ticks(self.started.load(Relaxed)),
            identity: self.identity.copy(),
            holders: self.holders.load(Relaxed),
            stages: state.late_stages(&self.buffer),
        };
        let is_detached = ended.insert(SpanKey::for_request(index, self.generation()), request);
        if is_detached {
            self.holders.store(0, Relaxed);
            self.recycle(state);
        }
        is_detached
    }

    /// Prepares the memory for the next request, with other keys.
    fn recycle(&self, state: &mut RequestState) {
        state.reset();
        // Release: threads for which the key is stale find the request among the ended ones.
        self.generation.store(self.generation() + 1, Release);
        fence(Release);
        self.identity.reset();
    }

    /// Locks the state, and holds off [`detach`](Self::detach).
    fn lock(&self, key: SpanKey) -> Result<impl DerefMut<Target = RequestState>, Stale> {
        let state = self.state.lock();
        if key.is_of(self.generation()) { Ok(state) } else { Err(Stale) }
    }

    fn end_locked(
        &self,
        state: &mut RequestState,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        let offset = self.offset(now);
        let duration = state.end(offset, outcome, &self.buffer, &self.identity, recorder)?;
        self.is_ended.store(true, Release);
        // Stages that closed after `now` and before the mutex was taken.
        self.drain(state, recorder);
        Some(duration)
    }

    fn push_remote(&self, state: &mut RequestState, edge: Edge, recorder: &mut Recorder<'_>) {
        if state.push_remote(edge) {
            self.drain(state, recorder);
        }
    }

    fn drain(&self, state: &mut RequestState, recorder: &mut Recorder<'_>) {
        state.drain(u64::MAX, &self.buffer, &self.identity, recorder);
    }

    /// Applies all edges, so that the buffer and the slots of closed stages are free again.
    /// Owner thread only.
    #[cold]
    fn flush(&self, recorder: &mut Recorder<'_>) {
        let state = &mut *self.state.lock();
        self.drain(state, recorder);
        state.rewind();
        self.buffer.clear();
        let open = (0..OWNER_SLOTS).filter(|&slot| state.is_open(slot));
        self.owner_slots.store(open.fold(0, |slots, slot| slots | 1 << slot), Relaxed);
    }

    /// Takes one of the owner's slots and makes room for its start in the buffer. Returns `None`
    /// when all slots are open. Owner thread only.
    #[inline]
    fn take_owner_slot(&self, recorder: &mut Recorder<'_>) -> Option<(u16, &StageCell)> {
        // Flushes a full buffer now, not at the push: a flush frees every slot without a start in
        // the buffer, and would free the one taken here.
        if self.owner_slots.load(Relaxed) == u32::MAX || self.buffer.is_full() {
            self.flush(recorder);
        }
        let taken = self.owner_slots.load(Relaxed);
        let slot = taken.trailing_ones();
        let cell = self.buffer.stage(slot as usize)?;
        self.owner_slots.store(taken | 1 << slot, Relaxed);
        Some((u16::try_from(slot).ok()?, cell))
    }

    #[inline]
    fn is_owner(&self, thread: u32) -> bool {
        self.owner.load(Relaxed) == thread
    }

    fn offset(&self, now: Ticks) -> u64 {
        now.0.saturating_sub(self.started.load(Relaxed)).min(Edge::MAX_OFFSET)
    }
}
