//! What a request's home thread notes while it runs.

use crate::{
    symbol::Symbol,
    sync::atomic::{
        AtomicU16, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    timeline::{edge::Edge, stage_cell::StageCell, trace_cell::TraceCell},
};

/// Edges that home notes before it sweeps; a request of 32 stages fits.
///
/// In a model this and the next are so small that it comes to their ends.
const CAPACITY: usize = if cfg!(stagelight_model) { 2 } else { 64 };
/// Stages that home can have open, or closed and not yet swept, without the mutex.
pub(super) const OWNER_SLOTS: usize = if cfg!(stagelight_model) { 2 } else { 32 };

/// A lane of edges that only home writes, with one relaxed store each, and whoever sweeps reads; and the stages of home's slots.
#[derive(Debug)]
pub(super) struct EdgeBuffer {
    endpoint: AtomicU16,
    trace: TraceCell,
    len: AtomicU32,
    edges: [AtomicU64; CAPACITY],
    stages: [StageCell; OWNER_SLOTS],
}

// === impl Notes ===

impl EdgeBuffer {
    pub(super) fn new() -> Self {
        Self {
            endpoint: AtomicU16::new(0),
            trace: TraceCell::default(),
            len: AtomicU32::new(0),
            edges: std::array::from_fn(|_| AtomicU64::new(0)),
            stages: std::array::from_fn(|_| StageCell::default()),
        }
    }

    pub(super) fn endpoint(&self) -> Symbol {
        Symbol(self.endpoint.load(Relaxed))
    }

    pub(super) fn trace(&self) -> &TraceCell {
        &self.trace
    }

    pub(super) fn set_endpoint(&self, endpoint: Symbol) {
        self.endpoint.store(endpoint.0, Relaxed);
    }

    /// Returns how many edges are noted. With it come the edges themselves.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Acquire) as usize
    }

    pub(super) fn is_full(&self) -> bool {
        self.len.load(Relaxed) as usize == CAPACITY
    }

    /// Notes an edge in a lane that is not full. Home only.
    #[inline]
    pub(super) fn push(&self, edge: Edge) {
        let position = self.len.load(Relaxed);
        self.edges[position as usize % CAPACITY].store(edge.pack(), Relaxed);
        self.len.store(position + 1, Release);
    }

    /// Returns an edge below [`len`](Self::len).
    #[inline]
    pub(super) fn edge(&self, position: usize) -> Edge {
        Edge::unpack(self.edges[position % CAPACITY].load(Relaxed))
    }

    /// Empties the lane. Home only, with all edges swept and the ledger locked; or before home begins.
    pub(super) fn clear(&self) {
        self.len.store(0, Relaxed);
    }

    /// Returns the stage in one of home's slots; `None` for a slot beyond.
    #[inline]
    pub(super) fn stage(&self, slot: usize) -> Option<&StageCell> {
        self.stages.get(slot)
    }
}
