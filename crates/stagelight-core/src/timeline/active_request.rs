//! One request while it runs.
//!
//! The thread that starts a request *owns* it and appends edges to an
//! [`EdgeBuffer`] that only it writes. All other threads are *remote*; they add edges to the
//! [`RequestState`], under a mutex. The thread that ends the request, or the owner when its buffer
//! is full, sorts and applies both.

use crate::{
    catalog::Outcome,
    clock::Ticks,
    key::NO_SLOT,
    symbol::Symbol,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    timeline::{
        edge_buffer::{Edge, EdgeBuffer, OWNER_SLOTS, StageCell, StageLabel},
        identity::RequestIdentity,
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
    /// Number of earlier uses, which distinguishes stale keys.
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

/// Name and backend attributes of an open stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) stage: Symbol,
    pub(crate) provider: Symbol,
    pub(crate) model: Symbol,
}

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

    /// Returns the name and backend of the stage in `slot`, as set so far.
    pub(crate) fn backend(&self, slot: u16) -> Option<Backend> {
        self.with_stage(slot, |stage| Backend {
            stage: stage.stage(),
            provider: stage.label(StageLabel::Provider),
            model: stage.label(StageLabel::Model),
        })
    }

    /// Opens a stage below the one in slot `parent`. Returns its slot, or `None` when too many
    /// stages are open.
    #[inline]
    pub(crate) fn open(
        &self,
        now: Ticks,
        stage: Symbol,
        parent: u16,
        recorder: &mut Recorder<'_>,
    ) -> Option<u16> {
        let offset = self.offset(now);
        if self.is_owner(recorder)
            && let Some((slot, cell)) = self.take_owner_slot(recorder)
        {
            cell.start(stage, parent);
            self.buffer.push(Edge { offset, slot, is_close: false });
            return Some(slot);
        }
        let state = &mut *self.state.lock();
        let slot = state.allocate_overflow().or_else(|| {
            // Closed stages keep their slots until they are drained.
            self.drain(state, recorder);
            state.allocate_overflow()
        })?;
        state.overflow_stage(usize::from(slot))?.start(stage, parent);
        self.push_remote(state, Edge { offset, slot, is_close: false }, recorder);
        Some(slot)
    }

    /// Closes the stage in `slot`.
    #[inline]
    pub(crate) fn close(&self, now: Ticks, slot: u16, recorder: &mut Recorder<'_>) {
        let edge = Edge { offset: self.offset(now), slot, is_close: true };
        if !self.is_owner(recorder) {
            self.push_remote(&mut self.state.lock(), edge, recorder);
            return;
        }
        if self.buffer.is_full() {
            self.flush(recorder);
        }
        self.buffer.push(edge);
        // If another thread ends the request at this moment and neither thread sees the other, the
        // last release drains the edge.
        if self.is_ended.load(Acquire) {
            self.drain(&mut self.state.lock(), recorder);
        }
    }

    /// Adds busy time to the stage in `slot`.
    #[inline]
    pub(crate) fn add_busy(&self, ticks: u64, slot: u16, thread: u32) {
        let is_owner = self.owner.load(Relaxed) == thread;
        self.with_stage(slot, |stage| {
            if is_owner {
                stage.add_busy_as_owner(ticks);
            } else {
                stage.add_busy_remotely(ticks);
            }
        });
    }

    /// Sets the id of the recorded span of the stage in `slot`.
    pub(crate) fn set_span_id(&self, slot: u16, id: u64) {
        self.with_stage(slot, |stage| stage.set_span_id(id));
    }

    pub(crate) fn set_label(&self, slot: u16, label: StageLabel, value: Symbol) {
        self.with_stage(slot, |stage| stage.set_label(label, value));
    }

    /// Ends the request and records it. Returns its duration in nanoseconds, or `None` if it had
    /// already ended.
    pub(crate) fn end(
        &self,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        self.end_locked(&mut self.state.lock(), now, outcome, recorder)
    }

    /// Releases one holder. With an `outcome`, ends the request first.
    pub(crate) fn release(
        &self,
        now: Ticks,
        outcome: Option<Outcome>,
        recorder: &mut Recorder<'_>,
    ) -> ReleaseOutcome {
        let state = &mut *self.state.lock();
        let duration = outcome.and_then(|outcome| self.end_locked(state, now, outcome, recorder));
        // Acquire: the edges of the other holder's threads come before its own release.
        let is_last = self.holders.fetch_sub(1, AcqRel) == 1;
        let mut is_exemplar = false;
        if is_last {
            self.end_locked(state, now, Outcome::Cancelled, recorder);
            self.drain(state, recorder);
            state.reset();
            is_exemplar = self.identity.is_exemplar();
            self.identity.reset();
            self.generation.store(self.generation().wrapping_add(1), Relaxed);
        }
        ReleaseOutcome { is_last, is_exemplar, duration }
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
    fn with_stage<R>(&self, slot: u16, f: impl FnOnce(&StageCell) -> R) -> Option<R> {
        if let Some(stage) = self.buffer.stage(usize::from(slot)) {
            return Some(f(stage));
        }
        if slot == NO_SLOT {
            return None;
        }
        self.state.lock().overflow_stage(usize::from(slot)).map(f)
    }

    fn is_owner(&self, recorder: &Recorder<'_>) -> bool {
        self.owner.load(Relaxed) == recorder.thread
    }

    fn offset(&self, now: Ticks) -> u64 {
        now.0.saturating_sub(self.started.load(Relaxed)).min(Edge::MAX_OFFSET)
    }
}
