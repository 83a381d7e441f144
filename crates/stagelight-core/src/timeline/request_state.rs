//! The part of a request that its mutex guards.

use crate::{
    catalog::Outcome,
    symbol::Symbol,
    timeline::{
        edge_buffer::{Edge, EdgeBuffer, OWNER_SLOTS, StageCell},
        ended::LateStage,
        identity::RequestIdentity,
        recorder::{EndedStage, Recorder},
        shares::{ShareAccumulator, clear},
    },
    well_known,
};

/// The most open stages of one request. Further ones are counted as dropped and not measured.
pub(crate) const MAX_STAGES: usize = 1024;
/// Edges of remote threads held before a drain.
const MAX_REMOTE: usize = 256;
/// Final shares held back until the request's end, so that a reader sees all of a
/// request at once.
const MAX_SHARES: usize = 1024;

/// Edges of remote threads, overflow stages, and the result of all edges drained so far.
#[derive(Debug, Default)]
pub(super) struct RequestState {
    accumulator: ShareAccumulator,
    /// Edges of the owner's buffer that have been drained.
    drained: usize,
    remote: Vec<Edge>,
    /// Scratch space for sorting, kept for its capacity.
    scratch: Vec<Edge>,
    /// Stages beyond the owner's slots: slot `OWNER_SLOTS + i` is at `i`.
    overflow: Vec<StageCell>,
    free_overflow: Vec<u16>,
    shares: Vec<(Symbol, u64)>,
    /// Sum of the durations of closed frontend stages, in nanoseconds.
    frontend: Option<u64>,
}

// === impl RequestState ===

impl RequestState {
    /// Returns a free slot beyond the owner's, or `None` when all are taken.
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

    /// Returns the stage in an overflow slot.
    pub(super) fn overflow_stage(&self, slot: usize) -> Option<&StageCell> {
        self.overflow.get(slot.checked_sub(OWNER_SLOTS)?)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.accumulator.is_ended()
    }

    /// Returns all open stages, with copies of their attributes.
    pub(super) fn late_stages(&self, buffer: &EdgeBuffer) -> Vec<LateStage> {
        let late = |(slot, opened)| {
            let cell = stage(buffer, &self.overflow, slot)?.copy();
            Some(LateStage { slot: u16::try_from(slot).ok()?, opened, cell })
        };
        self.accumulator.open_stages().filter_map(late).collect()
    }

    pub(super) fn is_open(&self, slot: usize) -> bool {
        self.accumulator.is_open(slot)
    }

    /// Adds an edge of a remote thread. Returns `true` if the caller must [drain](Self::drain)
    /// now: the request has ended, or too many edges are held.
    #[must_use]
    pub(super) fn push_remote(&mut self, edge: Edge) -> bool {
        self.remote.push(edge);
        self.accumulator.is_ended() || MAX_REMOTE <= self.remote.len()
    }

    /// Applies all edges up to offset `until`, in the order of time.
    pub(super) fn drain(
        &mut self,
        until: u64,
        buffer: &EdgeBuffer,
        request: &RequestIdentity,
        recorder: &mut Recorder<'_>,
    ) {
        let len = buffer.len();
        if self.remote.is_empty() {
            // The common case: the buffer alone, which is in order.
            while self.drained < len {
                let edge = buffer.edge(self.drained);
                if until < edge.offset {
                    return;
                }
                self.drained += 1;
                self.apply(edge, buffer, request, recorder);
            }
            return;
        }
        let mut edges = std::mem::take(&mut self.scratch);
        edges.extend((self.drained..len).map(|it| buffer.edge(it)));
        self.drained = len;
        edges.append(&mut self.remote);
        // A stable sort with starts first: a stage of zero duration starts before it ends.
        edges.sort_by_key(|it| (it.offset, it.is_close));
        // Closes with an earlier time than their start: clocks of processors may differ.
        let mut early: Vec<Edge> = Vec::new();
        for edge in edges.drain(..) {
            if until < edge.offset {
                self.remote.push(edge);
            } else if edge.is_close && !self.is_open(usize::from(edge.slot)) {
                early.push(edge);
            } else {
                self.apply(edge, buffer, request, recorder);
                // At once, so that the stage has no share of the time after it.
                if let Some(at) = early.iter().position(|it| it.slot == edge.slot) {
                    self.apply(early.swap_remove(at), buffer, request, recorder);
                }
            }
        }
        self.scratch = edges;
        if !self.remote.is_empty() {
            // Their starts may be among the later edges.
            self.remote.append(&mut early);
        }
    }

    /// Restarts at the beginning of the owner's buffer, which is being cleared.
    pub(super) fn rewind(&mut self) {
        self.drained = 0;
    }

    /// Ends the request at `offset` and records its shares, duration and outcome.
    ///
    /// Returns its duration in nanoseconds, or `None` if it had already ended.
    pub(super) fn end(
        &mut self,
        offset: u64,
        outcome: Outcome,
        buffer: &EdgeBuffer,
        request: &RequestIdentity,
        recorder: &mut Recorder<'_>,
    ) -> Option<u64> {
        if self.accumulator.is_ended() {
            return None;
        }
        self.drain(offset, buffer, request, recorder);
        // Another thread may have drained later edges after the caller read the clock.
        let duration = recorder.nanos(offset).max(self.accumulator.now());
        let Self { accumulator, shares, overflow, .. } = self;
        let unattributed = accumulator.end(duration, |slot, share| {
            if let Some(cell) = stage(buffer, overflow, slot) {
                shares.push((cell.stage(), share));
            }
        });
        shares.push((well_known::UNATTRIBUTED, unattributed));
        recorder.record_shares(shares, request);
        recorder.record_request(outcome, duration, self.frontend, request);
        Some(duration)
    }

    /// Clears everything for the next request.
    ///
    /// Keeps the capacity that a usual request needs, and frees the rest: the memory of all
    /// requests together must not grow to what the largest one ever needed.
    pub(super) fn reset(&mut self) {
        self.accumulator.reset(OWNER_SLOTS);
        self.drained = 0;
        clear(&mut self.remote, 2 * OWNER_SLOTS);
        clear(&mut self.scratch, 4 * OWNER_SLOTS);
        clear(&mut self.shares, 2 * OWNER_SLOTS);
        clear(&mut self.free_overflow, OWNER_SLOTS);
        clear(&mut self.overflow, OWNER_SLOTS);
        self.frontend = None;
    }

    #[inline]
    fn apply(
        &mut self,
        edge: Edge,
        buffer: &EdgeBuffer,
        request: &RequestIdentity,
        recorder: &mut Recorder<'_>,
    ) {
        let slot = usize::from(edge.slot);
        let time = recorder.nanos(edge.offset);
        let Self { accumulator, overflow, .. } = self;
        let Some(cell) = stage(buffer, overflow, slot) else { return };
        if !edge.is_close {
            accumulator.open(time, slot, cell.parent());
            return;
        }
        let Some(closed) = accumulator.close(time, slot) else { return };
        let ended = EndedStage::new(cell, closed.duration, recorder);
        recorder.record_stage(ended, request);
        if let Some(share) = closed.share {
            self.shares.push((ended.name, share));
            if recorder.groups.is_frontend(ended.name) {
                let sum = self.frontend.unwrap_or(0).saturating_add(closed.duration);
                self.frontend = Some(sum);
            }
        }
        if OWNER_SLOTS <= slot {
            self.free_overflow.push(edge.slot);
        }
        if MAX_SHARES <= self.shares.len() {
            recorder.record_shares(&mut self.shares, request);
        }
    }
}

/// Returns the stage in a slot of either kind.
#[inline]
fn stage<'a>(
    buffer: &'a EdgeBuffer,
    overflow: &'a [StageCell],
    slot: usize,
) -> Option<&'a StageCell> {
    buffer.stage(slot).or_else(|| overflow.get(slot.checked_sub(OWNER_SLOTS)?))
}
