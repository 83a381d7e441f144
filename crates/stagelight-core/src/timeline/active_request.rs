//! One request while it runs.
//!
//! The thread that a request began on is its *home*. Home notes edges in a lane that only it writes; see [`notes`](super::notes). Any
//! other thread adds them to the [`ledger`](super::ledger), under a mutex. Whoever ends the request, or home when its lane is full,
//! puts both in order and sweeps.

use crate::{
    clock::Ticks,
    key::NO_SLOT,
    outcome::Outcome,
    symbol::Symbol,
    sync::{
        Mutex,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    timeline::{
        edge::Edge,
        edge_buffer::{EdgeBuffer, OWNER_SLOTS},
        recorder::Recorder,
        request_state::RequestState,
        stage_cell::{StageCell, StageLabel},
        trace_cell::TraceCell,
    },
};

/// One request. Made once, used many times.
///
/// The fields that are only stored by [`start`](Self::start) and read with `Relaxed` are safe so: a thread gets to know a key only from one that
/// knew it before, and the first was the one that started the request.
#[derive(Debug)]
// Neighbouring requests are written by different threads.
#[repr(align(128))]
pub(crate) struct ActiveRequest {
    /// How often it has been used; tells a stale key.
    generation: AtomicU32,
    /// Who may still add to it: the request's guard, and its span.
    holders: AtomicU32,
    has_guard: AtomicBool,
    is_ended: AtomicBool,
    owner: AtomicU32,
    started: AtomicU64,
    /// Which of home's slots are taken; written by home alone.
    owner_slots: AtomicU32,
    buffer: EdgeBuffer,
    state: Mutex<RequestState>,
}

/// What a stage has told of the backend that it asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) stage: Symbol,
    pub(crate) provider: Symbol,
    pub(crate) model: Symbol,
}

/// What came of giving up a holder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReleaseOutcome {
    /// It was the last, so the record is free.
    pub(crate) is_last: bool,
    /// It was the last, and values of the request became exemplars.
    pub(crate) is_exemplar: bool,
    /// How long the request took, if this ended it.
    pub(crate) duration: Option<u64>,
}

// === impl Record ===

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

    pub(crate) fn trace(&self) -> &TraceCell {
        self.buffer.trace()
    }

    /// Begins a request, with one holder.
    pub(crate) fn start(&self, thread: u32, now: Ticks, endpoint: Symbol, has_guard: bool) {
        self.started.store(now.0, Relaxed);
        self.owner.store(thread, Relaxed);
        self.owner_slots.store(0, Relaxed);
        self.has_guard.store(has_guard, Relaxed);
        self.is_ended.store(false, Relaxed);
        self.buffer.set_endpoint(endpoint);
        self.buffer.clear();
        self.holders.store(1, Relaxed);
    }

    /// Adds a holder. Only one that is a holder itself may do so: otherwise the record may be free already.
    pub(crate) fn hold(&self) {
        self.holders.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_endpoint(&self, endpoint: Symbol) {
        self.buffer.set_endpoint(endpoint);
    }

    pub(crate) fn endpoint(&self) -> Symbol {
        self.buffer.endpoint()
    }

    /// Returns what the stage in `slot` has told so far.
    pub(crate) fn backend_of(&self, slot: u16) -> Option<Backend> {
        self.with_stage(slot, |stage| Backend {
            stage: stage.stage(),
            provider: stage.label(StageLabel::Provider),
            model: stage.label(StageLabel::Model),
        })
    }

    /// Opens a stage below the one in slot `parent`; returns its slot. `None` when too many are open.
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
            // Closed stages hold their slots until they are swept.
            state.drain(&self.buffer, u64::MAX, recorder);
            state.allocate_overflow()
        })?;
        state.stage(&self.buffer, usize::from(slot))?.start(stage, parent);
        state.push(Edge { offset, slot, is_close: false }, &self.buffer, recorder);
        Some(slot)
    }

    /// Closes the stage in `slot`.
    #[inline]
    pub(crate) fn close(&self, now: Ticks, slot: u16, recorder: &mut Recorder<'_>) {
        let edge = Edge { offset: self.offset(now), slot, is_close: true };
        if !self.is_owner(recorder) {
            self.state.lock().push(edge, &self.buffer, recorder);
            return;
        }
        self.push_owned(edge, recorder);
        // Should another thread end the request in this moment and neither see the other, then the release sweeps the edge.
        if self.is_ended.load(Acquire) {
            self.state.lock().drain(&self.buffer, u64::MAX, recorder);
        }
    }

    /// Adds time in which the stage in `slot` was polled.
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

    /// Tells the id of the span that records the stage in `slot`.
    pub(crate) fn set_span_id(&self, slot: u16, id: u64) {
        self.with_stage(slot, |stage| stage.set_span_id(id));
    }

    pub(crate) fn set_label(&self, slot: u16, label: StageLabel, value: Symbol) {
        self.with_stage(slot, |stage| stage.set_label(label, value));
    }

    /// Ends the request: settles its shares and records them. Returns how long it took; does nothing the second time.
    pub(crate) fn end(
        &self,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        self.end_in(&mut self.state.lock(), now, outcome, recorder)
    }

    /// Gives up one holder, which with an `outcome` first ends the request.
    pub(crate) fn release(
        &self,
        now: Ticks,
        outcome: Option<Outcome>,
        recorder: &mut Recorder<'_>,
    ) -> ReleaseOutcome {
        let state = &mut *self.state.lock();
        let duration = outcome.and_then(|outcome| self.end_in(state, now, outcome, recorder));
        // Acquire: what the other holder's threads noted comes before its own release.
        let is_last = self.holders.fetch_sub(1, AcqRel) == 1;
        let mut is_exemplar = false;
        if is_last {
            self.end_in(state, now, Outcome::Cancelled, recorder);
            state.drain(&self.buffer, u64::MAX, recorder);
            state.reset();
            is_exemplar = self.trace().is_exemplar();
            self.trace().reset();
            self.generation.store(self.generation().wrapping_add(1), Relaxed);
        }
        ReleaseOutcome { is_last, is_exemplar, duration }
    }

    fn end_in(
        &self,
        state: &mut RequestState,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        let duration = state.end(self.offset(now), outcome, &self.buffer, recorder)?;
        self.is_ended.store(true, Release);
        Some(duration)
    }

    /// Notes an edge in the lane. Home only.
    #[inline]
    fn push_owned(&self, edge: Edge, recorder: &mut Recorder<'_>) {
        if self.buffer.is_full() {
            self.flush(recorder);
        }
        self.buffer.push(edge);
    }

    /// Sweeps everything, so that lane and slots are free again. Home only.
    #[cold]
    fn flush(&self, recorder: &mut Recorder<'_>) {
        let state = &mut *self.state.lock();
        state.drain(&self.buffer, u64::MAX, recorder);
        state.rewind();
        self.buffer.clear();
        let open = (0..OWNER_SLOTS).filter(|&slot| state.is_open(slot));
        self.owner_slots.store(open.fold(0, |slots, slot| slots | 1 << slot), Relaxed);
    }

    /// Takes one of home's slots, with room in the lane for its start. `None` when all are open. Home only.
    #[inline]
    fn take_owner_slot(&self, recorder: &mut Recorder<'_>) -> Option<(u16, &StageCell)> {
        // A full lane too, now: folding frees every slot whose start has not been noted, and so would free the one taken here.
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
        self.state.lock().stage(&self.buffer, usize::from(slot)).map(f)
    }

    fn is_owner(&self, recorder: &Recorder<'_>) -> bool {
        self.owner.load(Relaxed) == recorder.thread
    }

    fn offset(&self, now: Ticks) -> u64 {
        now.0.saturating_sub(self.started.load(Relaxed)).min(Edge::MAX_OFFSET)
    }
}
