//! One request's edges while it runs.
//!
//! The thread that a request began on is its *home*. Home notes edges in a lane that only it writes: one relaxed store each. Any other thread
//! pushes them under a mutex. Whoever ends the request, or home when its lane is full, puts both in order and sweeps.

use std::sync::atomic::{
    AtomicBool, AtomicU16, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use parking_lot::Mutex;

use crate::{
    clock::Ticks,
    key::NO_SLOT,
    outcome::Outcome,
    symbol::Symbol,
    timeline::{
        context::Context,
        edge::Edge,
        stage_cell::{StageCell, StageLabel},
        sweep::Sweep,
    },
    well_known,
};

/// Edges that home notes before it sweeps; a request of 30 stages fits.
const LANE: usize = 64;
/// Stages that home can have open, or closed and not yet swept, without the mutex.
const HOME_SLOTS: usize = 32;
/// The most stages of one request that may be open at once; more are counted and not measured.
pub(crate) const MAX_STAGES: usize = 1024;
/// Edges from other threads that are kept before they are swept.
const MAX_AWAY: usize = 256;
/// Settled shares that are kept back for the request's end, so that a reader sees all of a request at once.
const MAX_SETTLED: usize = 4096;

/// One request. Made once, used many times.
#[derive(Debug)]
// Neighbouring requests are written by different threads.
#[repr(align(128))]
pub(crate) struct Record {
    generation: AtomicU32,
    /// Who may still add to it: the request's guard, and its span.
    holders: AtomicU32,
    has_guard: AtomicBool,
    is_ended: AtomicBool,
    endpoint: AtomicU16,
    home: AtomicU32,
    started: AtomicU64,
    lane_len: AtomicU32,
    home_slots: AtomicU32,
    lane: [AtomicU64; LANE],
    home_stages: [StageCell; HOME_SLOTS],
    shared: Mutex<Shared>,
}

/// What any thread may add to, under the mutex.
#[derive(Debug, Default)]
struct Shared {
    sweep: Sweep,
    /// Edges of the lane that have been swept.
    swept: usize,
    away: Vec<Edge>,
    /// For sorting; kept for its capacity.
    scratch: Vec<Edge>,
    /// Stages beyond home's slots; slot `HOME_SLOTS + i` is at `i`.
    spilled: Vec<StageCell>,
    free_spilled: Vec<u16>,
    settled: Vec<(Symbol, u64)>,
    /// Sum of the durations of the frontend's stages, once there is one.
    frontend: Option<u64>,
}

// === impl Record ===

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            generation: AtomicU32::new(0),
            holders: AtomicU32::new(0),
            has_guard: AtomicBool::new(false),
            is_ended: AtomicBool::new(true),
            endpoint: AtomicU16::new(0),
            home: AtomicU32::new(0),
            started: AtomicU64::new(0),
            lane_len: AtomicU32::new(0),
            home_slots: AtomicU32::new(0),
            lane: [const { AtomicU64::new(0) }; LANE],
            home_stages: std::array::from_fn(|_| StageCell::default()),
            shared: Mutex::default(),
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    pub(crate) fn has_guard(&self) -> bool {
        self.has_guard.load(Relaxed)
    }

    /// Begins a request, with one holder.
    pub(crate) fn start(&self, thread: u32, now: Ticks, endpoint: Symbol, has_guard: bool) {
        self.started.store(now.0, Relaxed);
        self.home.store(thread, Relaxed);
        self.endpoint.store(endpoint.0, Relaxed);
        self.lane_len.store(0, Relaxed);
        self.home_slots.store(0, Relaxed);
        self.has_guard.store(has_guard, Relaxed);
        self.is_ended.store(false, Relaxed);
        self.holders.store(1, Release);
    }

    pub(crate) fn hold(&self) {
        self.holders.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_endpoint(&self, endpoint: Symbol) {
        self.endpoint.store(endpoint.0, Relaxed);
    }

    /// Opens a stage below the one in slot `parent`; returns its slot. `None` when too many are open.
    pub(crate) fn open(
        &self,
        now: Ticks,
        stage: Symbol,
        parent: u16,
        cx: &mut Context<'_>,
    ) -> Option<u16> {
        let offset = self.offset(now);
        if self.is_home(cx)
            && let Some(slot) = self.free_home_slot(cx)
        {
            self.home_slots.store(self.home_slots.load(Relaxed) | 1 << slot, Relaxed);
            self.home_stages[usize::from(slot)].start(stage, parent);
            self.note(Edge { offset, slot, is_close: false }, cx);
            return Some(slot);
        }
        let shared = &mut *self.shared.lock();
        let slot = self.free_spilled_slot(shared, cx)?;
        shared.spilled[usize::from(slot) - HOME_SLOTS].start(stage, parent);
        shared.away.push(Edge { offset, slot, is_close: false });
        Some(slot)
    }

    /// Closes the stage in `slot`.
    pub(crate) fn close(&self, now: Ticks, slot: u16, cx: &mut Context<'_>) {
        let edge = Edge { offset: self.offset(now), slot, is_close: true };
        if self.is_home(cx) {
            self.note(edge, cx);
            if self.is_ended.load(Acquire) {
                self.drain(&mut self.shared.lock(), u64::MAX, cx);
            }
        } else {
            let shared = &mut *self.shared.lock();
            shared.away.push(edge);
            if shared.sweep.is_ended() || MAX_AWAY <= shared.away.len() {
                self.drain(shared, u64::MAX, cx);
            }
        }
    }

    /// Adds time in which the stage in `slot` was polled.
    pub(crate) fn add_busy(&self, ticks: u64, slot: u16, thread: u32) {
        let is_home = self.home.load(Relaxed) == thread;
        self.with_stage(slot, |stage| {
            if is_home {
                stage.add_busy_at_home(ticks);
            } else {
                stage.add_busy_away(ticks);
            }
        });
    }

    pub(crate) fn set_label(&self, slot: u16, label: StageLabel, value: Symbol) {
        self.with_stage(slot, |stage| stage.set_label(label, value));
    }

    /// Ends the request: settles its shares and records them. Does nothing the second time. Returns how long it took, the first time.
    pub(crate) fn end(&self, now: Ticks, outcome: Outcome, cx: &mut Context<'_>) -> Option<u64> {
        let shared = &mut *self.shared.lock();
        self.end_locked(shared, now, outcome, cx)
    }

    /// Gives up one holder. Returns whether it was the last, so that the record is free.
    pub(crate) fn release(&self, now: Ticks, cx: &mut Context<'_>) -> bool {
        if self.holders.fetch_sub(1, AcqRel) != 1 {
            return false;
        }
        let shared = &mut *self.shared.lock();
        self.end_locked(shared, now, Outcome::Cancelled, cx);
        self.drain(shared, u64::MAX, cx);
        shared.reset();
        self.generation.store(self.generation().wrapping_add(1), Relaxed);
        true
    }

    fn end_locked(
        &self,
        shared: &mut Shared,
        now: Ticks,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Option<u64> {
        if shared.sweep.is_ended() {
            return None;
        }
        let offset = self.offset(now);
        self.drain(shared, offset, cx);
        let duration = cx.nanos(offset);
        let Shared { sweep, settled, spilled, .. } = shared;
        let unattributed = sweep.end(duration, |slot, share| {
            let cell = self.home_stages.get(slot).or_else(|| spilled.get(slot - HOME_SLOTS));
            if let Some(cell) = cell {
                settled.push((cell.stage(), share));
            }
        });
        settled.push((well_known::UNATTRIBUTED, unattributed));
        let endpoint = self.endpoint();
        cx.record_shares(settled, endpoint);
        cx.record_request(endpoint, outcome, duration, shared.frontend);
        self.is_ended.store(true, Release);
        Some(duration)
    }

    /// Sweeps all edges up to `until`, in order of time.
    fn drain(&self, shared: &mut Shared, until: u64, cx: &mut Context<'_>) {
        let noted = (self.lane_len.load(Acquire) as usize).min(LANE);
        if shared.away.is_empty() {
            // The common case: the lane alone, which is in order.
            while shared.swept < noted {
                let edge = Edge::unpack(self.lane[shared.swept].load(Relaxed));
                if until < edge.offset {
                    return;
                }
                shared.swept += 1;
                self.sweep(shared, edge, cx);
            }
            return;
        }
        let mut edges = std::mem::take(&mut shared.scratch);
        edges
            .extend(self.lane[shared.swept..noted].iter().map(|it| Edge::unpack(it.load(Relaxed))));
        shared.swept = noted;
        edges.append(&mut shared.away);
        // Stable, and starts first: a stage that took no time starts before it ends.
        edges.sort_by_key(|it| (it.offset, it.is_close));
        for edge in edges.drain(..) {
            if until < edge.offset {
                shared.away.push(edge);
            } else {
                self.sweep(shared, edge, cx);
            }
        }
        shared.scratch = edges;
    }

    fn sweep(&self, shared: &mut Shared, edge: Edge, cx: &mut Context<'_>) {
        let slot = usize::from(edge.slot);
        let time = cx.nanos(edge.offset);
        let Shared { sweep, spilled, free_spilled, settled, frontend, .. } = shared;
        let spill = slot.checked_sub(HOME_SLOTS);
        let cell = spill.map_or_else(|| self.home_stages.get(slot), |it| spilled.get(it));
        let Some(cell) = cell else { return };
        if !edge.is_close {
            sweep.open(time, slot, cell.parent());
            return;
        }
        let Some(closed) = sweep.close(time, slot) else { return };
        let stage = cell.stage();
        cx.record_stage(cell, self.endpoint(), closed);
        if let Some(share) = closed.share {
            settled.push((stage, share));
            if cx.groups.is_frontend(stage) {
                *frontend = Some(frontend.unwrap_or(0) + closed.duration);
            }
        }
        if spill.is_some() {
            free_spilled.push(edge.slot);
        }
        if MAX_SETTLED <= settled.len() {
            cx.record_shares(settled, self.endpoint());
        }
    }

    /// Notes an edge in the lane. Home only.
    fn note(&self, edge: Edge, cx: &mut Context<'_>) {
        if self.lane_len.load(Relaxed) as usize == LANE {
            self.fold(cx);
        }
        let position = self.lane_len.load(Relaxed);
        self.lane[position as usize % LANE].store(edge.pack(), Relaxed);
        self.lane_len.store(position + 1, Release);
    }

    /// Sweeps everything, so that lane and slots are free again. Home only.
    #[cold]
    fn fold(&self, cx: &mut Context<'_>) {
        let shared = &mut *self.shared.lock();
        self.drain(shared, u64::MAX, cx);
        shared.swept = 0;
        self.lane_len.store(0, Relaxed);
        let open = (0..HOME_SLOTS).filter(|&slot| shared.sweep.is_open(slot));
        self.home_slots.store(open.fold(0, |slots, slot| slots | 1 << slot), Relaxed);
    }

    fn free_home_slot(&self, cx: &mut Context<'_>) -> Option<u16> {
        if self.home_slots.load(Relaxed) == u32::MAX {
            self.fold(cx);
        }
        let slot = self.home_slots.load(Relaxed).trailing_ones();
        u16::try_from(slot).ok().filter(|&it| usize::from(it) < HOME_SLOTS)
    }

    fn free_spilled_slot(&self, shared: &mut Shared, cx: &mut Context<'_>) -> Option<u16> {
        if let Some(slot) = shared.free_spilled.pop() {
            return Some(slot);
        }
        if MAX_AWAY <= shared.away.len() {
            self.drain(shared, u64::MAX, cx);
            if let Some(slot) = shared.free_spilled.pop() {
                return Some(slot);
            }
        }
        if MAX_STAGES - HOME_SLOTS <= shared.spilled.len() {
            return None;
        }
        shared.spilled.push(StageCell::default());
        u16::try_from(HOME_SLOTS + shared.spilled.len() - 1).ok()
    }

    fn with_stage(&self, slot: u16, f: impl FnOnce(&StageCell)) {
        match self.home_stages.get(usize::from(slot)) {
            Some(stage) => f(stage),
            None if slot == NO_SLOT => {}
            None => {
                let shared = self.shared.lock();
                if let Some(stage) = shared.spilled.get(usize::from(slot) - HOME_SLOTS) {
                    f(stage);
                }
            }
        }
    }

    fn is_home(&self, cx: &Context<'_>) -> bool {
        self.home.load(Relaxed) == cx.thread
    }

    fn endpoint(&self) -> Symbol {
        Symbol(self.endpoint.load(Relaxed))
    }

    fn offset(&self, now: Ticks) -> u64 {
        now.0.saturating_sub(self.started.load(Relaxed)).min(Edge::MAX_OFFSET)
    }
}

// === impl Shared ===

impl Shared {
    /// Empties everything and keeps what was allocated, unless it was an unusual request.
    fn reset(&mut self) {
        self.sweep.reset();
        self.swept = 0;
        self.away.clear();
        self.settled.clear();
        self.free_spilled.clear();
        self.spilled.clear();
        self.frontend = None;
    }
}
