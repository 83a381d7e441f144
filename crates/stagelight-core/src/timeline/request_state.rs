//! What a request's edges have come to so far.

use crate::{
    outcome::Outcome,
    symbol::Symbol,
    timeline::{
        edge::Edge,
        edge_buffer::{EdgeBuffer, OWNER_SLOTS},
        recorder::Recorder,
        shares::{ShareAccumulator, empty},
        stage_cell::StageCell,
    },
    well_known,
};

/// The most stages of one request that may be open at once; more are counted and not measured.
pub(crate) const MAX_STAGES: usize = 1024;
/// Edges from other threads that are kept before they are swept.
const MAX_REMOTE: usize = 256;
/// Settled shares that are kept back for the request's end, so that a reader sees all of a request at once.
const MAX_SHARES: usize = 1024;

/// What any thread may add to, under the record's mutex: edges of threads that are not home, and all that is swept.
#[derive(Debug, Default)]
pub(super) struct RequestState {
    accumulator: ShareAccumulator,
    /// Edges of the lane that have been swept.
    drained: usize,
    remote: Vec<Edge>,
    /// For sorting; kept for its capacity.
    scratch: Vec<Edge>,
    /// Stages beyond home's slots; slot `HOME_SLOTS + i` is at `i`.
    overflow: Vec<StageCell>,
    free_overflow: Vec<u16>,
    shares: Vec<(Symbol, u64)>,
    /// Sum of the durations of the frontend's stages, once there is one.
    frontend: Option<u64>,
}

// === impl Ledger ===

impl RequestState {
    /// Returns a slot beyond home's. `None` when all are taken.
    pub(super) fn allocate_overflow(&mut self) -> Option<u16> {
        if let Some(slot) = self.free_overflow.pop() {
            return Some(slot);
        }
        if MAX_STAGES - OWNER_SLOTS <= self.overflow.len() {
            return None;
        }
        self.overflow.push(StageCell::default());
        u16::try_from(OWNER_SLOTS + self.overflow.len() - 1).ok()
    }

    /// Returns the stage in a slot, home's or not.
    pub(super) fn stage<'a>(
        &'a self,
        buffer: &'a EdgeBuffer,
        slot: usize,
    ) -> Option<&'a StageCell> {
        buffer.stage(slot).or_else(|| self.overflow.get(slot.checked_sub(OWNER_SLOTS)?))
    }

    pub(super) fn is_open(&self, slot: usize) -> bool {
        self.accumulator.is_open(slot)
    }

    /// Adds an edge from a thread that is not home.
    pub(super) fn push(&mut self, edge: Edge, buffer: &EdgeBuffer, recorder: &mut Recorder<'_>) {
        self.remote.push(edge);
        if self.accumulator.is_ended() || MAX_REMOTE <= self.remote.len() {
            self.drain(buffer, u64::MAX, recorder);
        }
    }

    /// Sweeps all edges up to `until`, in order of time.
    pub(super) fn drain(&mut self, buffer: &EdgeBuffer, until: u64, recorder: &mut Recorder<'_>) {
        let noted = buffer.len();
        if self.remote.is_empty() {
            // The common case: the lane alone, which is in order.
            while self.drained < noted {
                let edge = buffer.edge(self.drained);
                if until < edge.offset {
                    return;
                }
                self.drained += 1;
                self.apply(edge, buffer, recorder);
            }
            return;
        }
        let mut edges = std::mem::take(&mut self.scratch);
        edges.extend((self.drained..noted).map(|it| buffer.edge(it)));
        self.drained = noted;
        edges.append(&mut self.remote);
        // Stable, and starts first: a stage that took no time starts before it ends.
        edges.sort_by_key(|it| (it.offset, it.is_close));
        for edge in edges.drain(..) {
            if until < edge.offset {
                self.remote.push(edge);
            } else {
                self.apply(edge, buffer, recorder);
            }
        }
        self.scratch = edges;
    }

    /// Forgets how much of the lane has been swept: it is empty again.
    pub(super) fn rewind(&mut self) {
        self.drained = 0;
    }

    /// Ends the request at `offset`: settles its shares and records them. Returns how long it took; does nothing the second time.
    pub(super) fn end(
        &mut self,
        offset: u64,
        outcome: Outcome,
        buffer: &EdgeBuffer,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        if self.accumulator.is_ended() {
            return None;
        }
        self.drain(buffer, offset, recorder);
        // Between the caller's look at the clock and the mutex, another thread may have swept later edges.
        let duration = recorder.nanos(offset).max(self.accumulator.now());
        let Self { accumulator, shares, overflow, .. } = self;
        let unattributed = accumulator.end(duration, |slot, share| {
            let cell = buffer.stage(slot).or_else(|| overflow.get(slot.checked_sub(OWNER_SLOTS)?));
            if let Some(cell) = cell {
                shares.push((cell.stage(), share));
            }
        });
        shares.push((well_known::UNATTRIBUTED, unattributed));
        recorder.record_shares(shares, buffer);
        recorder.record_request(buffer, outcome, duration, self.frontend);
        Some(duration)
    }

    /// Empties everything for the next request. Keeps what was allocated, up to what a usual request needs: all records
    /// together must not grow to what the largest request ever needed.
    pub(super) fn reset(&mut self) {
        self.accumulator.reset(OWNER_SLOTS);
        self.drained = 0;
        empty(&mut self.remote, 2 * OWNER_SLOTS);
        empty(&mut self.scratch, 4 * OWNER_SLOTS);
        empty(&mut self.shares, 2 * OWNER_SLOTS);
        empty(&mut self.free_overflow, OWNER_SLOTS);
        empty(&mut self.overflow, OWNER_SLOTS);
        self.frontend = None;
    }

    #[inline]
    fn apply(&mut self, edge: Edge, buffer: &EdgeBuffer, recorder: &mut Recorder<'_>) {
        let slot = usize::from(edge.slot);
        let time = recorder.nanos(edge.offset);
        let Self { accumulator, overflow, .. } = self;
        let cell = buffer.stage(slot).or_else(|| overflow.get(slot.checked_sub(OWNER_SLOTS)?));
        let Some(cell) = cell else { return };
        if !edge.is_close {
            accumulator.open(time, slot, cell.parent());
            return;
        }
        let Some(closed) = accumulator.close(time, slot) else { return };
        let stage = cell.stage();
        recorder.record_stage(cell, buffer, closed);
        if let Some(share) = closed.share {
            self.shares.push((stage, share));
            if recorder.groups.is_frontend(stage) {
                let sum = self.frontend.unwrap_or(0).saturating_add(closed.duration);
                self.frontend = Some(sum);
            }
        }
        if OWNER_SLOTS <= slot {
            self.free_overflow.push(edge.slot);
        }
        if MAX_SHARES <= self.shares.len() {
            recorder.record_shares(&mut self.shares, buffer);
        }
    }
}
