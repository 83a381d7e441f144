//! What a request's edges have come to so far.

use crate::{
    outcome::Outcome,
    symbol::Symbol,
    timeline::{
        context::Context,
        edge::Edge,
        notes::{HOME_SLOTS, Notes},
        stage_cell::StageCell,
        sweep::{Sweep, empty},
    },
    well_known,
};

/// The most stages of one request that may be open at once; more are counted and not measured.
pub(crate) const MAX_STAGES: usize = 1024;
/// Edges from other threads that are kept before they are swept.
const MAX_AWAY: usize = 256;
/// Settled shares that are kept back for the request's end, so that a reader sees all of a request at once.
const MAX_SETTLED: usize = 1024;

/// What any thread may add to, under the record's mutex: edges of threads that are not home, and all that is swept.
#[derive(Debug, Default)]
pub(super) struct Ledger {
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

// === impl Ledger ===

impl Ledger {
    /// Returns a slot beyond home's. `None` when all are taken.
    pub(super) fn spill(&mut self) -> Option<u16> {
        if let Some(slot) = self.free_spilled.pop() {
            return Some(slot);
        }
        if MAX_STAGES - HOME_SLOTS <= self.spilled.len() {
            return None;
        }
        self.spilled.push(StageCell::default());
        u16::try_from(HOME_SLOTS + self.spilled.len() - 1).ok()
    }

    /// Returns the stage in a slot, home's or not.
    pub(super) fn stage<'a>(&'a self, notes: &'a Notes, slot: usize) -> Option<&'a StageCell> {
        notes.stage(slot).or_else(|| self.spilled.get(slot.checked_sub(HOME_SLOTS)?))
    }

    pub(super) fn is_open(&self, slot: usize) -> bool {
        self.sweep.is_open(slot)
    }

    /// Adds an edge from a thread that is not home.
    pub(super) fn push(&mut self, edge: Edge, notes: &Notes, cx: &mut Context<'_>) {
        self.away.push(edge);
        if self.sweep.is_ended() || MAX_AWAY <= self.away.len() {
            self.drain(notes, u64::MAX, cx);
        }
    }

    /// Sweeps all edges up to `until`, in order of time.
    pub(super) fn drain(&mut self, notes: &Notes, until: u64, cx: &mut Context<'_>) {
        let noted = notes.len();
        if self.away.is_empty() {
            // The common case: the lane alone, which is in order.
            while self.swept < noted {
                let edge = notes.edge(self.swept);
                if until < edge.offset {
                    return;
                }
                self.swept += 1;
                self.sweep(edge, notes, cx);
            }
            return;
        }
        let mut edges = std::mem::take(&mut self.scratch);
        edges.extend((self.swept..noted).map(|it| notes.edge(it)));
        self.swept = noted;
        edges.append(&mut self.away);
        // Stable, and starts first: a stage that took no time starts before it ends.
        edges.sort_by_key(|it| (it.offset, it.is_close));
        for edge in edges.drain(..) {
            if until < edge.offset {
                self.away.push(edge);
            } else {
                self.sweep(edge, notes, cx);
            }
        }
        self.scratch = edges;
    }

    /// Forgets how much of the lane has been swept: it is empty again.
    pub(super) fn rewind(&mut self) {
        self.swept = 0;
    }

    /// Ends the request at `offset`: settles its shares and records them. Returns how long it took; does nothing the second time.
    pub(super) fn end(
        &mut self,
        offset: u64,
        outcome: Outcome,
        notes: &Notes,
        cx: &mut Context<'_>,
    ) -> Option<u64> {
        if self.sweep.is_ended() {
            return None;
        }
        self.drain(notes, offset, cx);
        // Between the caller's look at the clock and the mutex, another thread may have swept later edges.
        let duration = cx.nanos(offset).max(self.sweep.now());
        let Self { sweep, settled, spilled, .. } = self;
        let unattributed = sweep.end(duration, |slot, share| {
            let cell = notes.stage(slot).or_else(|| spilled.get(slot.checked_sub(HOME_SLOTS)?));
            if let Some(cell) = cell {
                settled.push((cell.stage(), share));
            }
        });
        settled.push((well_known::UNATTRIBUTED, unattributed));
        cx.record_shares(settled, notes);
        cx.record_request(notes, outcome, duration, self.frontend);
        Some(duration)
    }

    /// Empties everything for the next request. Keeps what was allocated, up to what a usual request needs: all records
    /// together must not grow to what the largest request ever needed.
    pub(super) fn reset(&mut self) {
        self.sweep.reset(HOME_SLOTS);
        self.swept = 0;
        empty(&mut self.away, 2 * HOME_SLOTS);
        empty(&mut self.scratch, 4 * HOME_SLOTS);
        empty(&mut self.settled, 2 * HOME_SLOTS);
        empty(&mut self.free_spilled, HOME_SLOTS);
        empty(&mut self.spilled, HOME_SLOTS);
        self.frontend = None;
    }

    #[inline]
    fn sweep(&mut self, edge: Edge, notes: &Notes, cx: &mut Context<'_>) {
        let slot = usize::from(edge.slot);
        let time = cx.nanos(edge.offset);
        let Self { sweep, spilled, .. } = self;
        let cell = notes.stage(slot).or_else(|| spilled.get(slot.checked_sub(HOME_SLOTS)?));
        let Some(cell) = cell else { return };
        if !edge.is_close {
            sweep.open(time, slot, cell.parent());
            return;
        }
        let Some(closed) = sweep.close(time, slot) else { return };
        let stage = cell.stage();
        cx.record_stage(cell, notes, closed);
        if let Some(share) = closed.share {
            self.settled.push((stage, share));
            if cx.groups.is_frontend(stage) {
                let sum = self.frontend.unwrap_or(0).saturating_add(closed.duration);
                self.frontend = Some(sum);
            }
        }
        if HOME_SLOTS <= slot {
            self.free_spilled.push(edge.slot);
        }
        if MAX_SETTLED <= self.settled.len() {
            cx.record_shares(&mut self.settled, notes);
        }
    }
}
