//! Edges and stages that a request's owner thread writes without a lock.

use crate::{
    symbol::Symbol,
    sync::atomic::{
        AtomicU16, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// Edges that the buffer holds before it is flushed. A request of 32 stages fits.
///
/// The models use two, like for [`OWNER_SLOTS`], so that they reach the ends.
const CAPACITY: usize = if cfg!(all(test, stagelight_model)) { 2 } else { 64 };
/// Stages of the owner thread that may be open, or closed and not yet flushed, without the mutex.
pub(super) const OWNER_SLOTS: usize = if cfg!(all(test, stagelight_model)) { 2 } else { 32 };

/// The start or end of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Ticks since the request's start, at most [`Edge::MAX_OFFSET`].
    pub(super) offset: u64,
    pub(super) slot: u16,
    pub(super) is_close: bool,
}

/// Edges in the order of time, and the stages in the owner's slots.
///
/// Only the owner thread appends, with one relaxed store per edge. Any thread that holds the
/// request's mutex reads.
#[derive(Debug)]
pub(super) struct EdgeBuffer {
    len: AtomicU32,
    edges: [AtomicU64; CAPACITY],
    stages: [StageCell; OWNER_SLOTS],
}

/// The name, attributes and busy time of an open stage.
///
/// All accesses are relaxed: the thread that flushes has seen the stage's end, and with it every
/// earlier write.
#[derive(Debug, Default)]
pub(crate) struct StageCell {
    /// Busy ticks on the owner thread, which is the only writer.
    busy_owner: AtomicU64,
    /// Busy ticks on all other threads.
    busy_remote: AtomicU64,
    /// The recorded span, or zero.
    span_id: AtomicU64,
    stage: AtomicU16,
    parent: AtomicU16,
    provider: AtomicU16,
    model: AtomicU16,
    error: AtomicU16,
}

/// An attribute of a stage that may be set after its start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StageLabel {
    Provider,
    Model,
    Error,
}

// === impl Edge ===

impl Edge {
    /// 2^53 - 1 ticks: 34 days of a 3 GHz counter. Later edges are clamped to it.
    pub(super) const MAX_OFFSET: u64 = (1 << 53) - 1;

    fn pack(self) -> u64 {
        self.offset << 11 | u64::from(self.slot) << 1 | u64::from(self.is_close)
    }

    fn unpack(bits: u64) -> Self {
        Self { offset: bits >> 11, slot: ((bits >> 1) & 0x3FF) as u16, is_close: bits & 1 == 1 }
    }
}

// === impl EdgeBuffer ===

impl EdgeBuffer {
    pub(super) fn new() -> Self {
        Self {
            len: AtomicU32::new(0),
            edges: std::array::from_fn(|_| AtomicU64::new(0)),
            stages: std::array::from_fn(|_| StageCell::default()),
        }
    }

    /// Returns the number of edges, and makes those edges visible to the caller.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Acquire) as usize
    }

    pub(super) fn is_full(&self) -> bool {
        self.len.load(Relaxed) as usize == CAPACITY
    }

    /// Appends an edge. The buffer must not be full. Owner thread only.
    #[inline]
    pub(super) fn push(&self, edge: Edge) {
        let position = self.len.load(Relaxed);
        self.edges[position as usize % CAPACITY].store(edge.pack(), Relaxed);
        self.len.store(position + 1, Release);
    }

    /// Returns the edge at a position below [`len`](Self::len).
    #[inline]
    pub(super) fn edge(&self, position: usize) -> Edge {
        Edge::unpack(self.edges[position % CAPACITY].load(Relaxed))
    }

    /// Removes all edges. Owner thread only, after a flush and still under the mutex, or before
    /// the request is shared.
    pub(super) fn clear(&self) {
        self.len.store(0, Relaxed);
    }

    /// Returns the stage in one of the owner's slots, or `None` for an overflow slot.
    #[inline]
    pub(super) fn stage(&self, slot: usize) -> Option<&StageCell> {
        self.stages.get(slot)
    }
}

// === impl StageCell ===

impl StageCell {
    pub(super) fn start(&self, stage: Symbol, parent: u16) {
        self.busy_owner.store(0, Relaxed);
        self.busy_remote.store(0, Relaxed);
        self.span_id.store(0, Relaxed);
        self.stage.store(stage.0, Relaxed);
        self.parent.store(parent, Relaxed);
        for label in [&self.provider, &self.model, &self.error] {
            label.store(Symbol::ABSENT.0, Relaxed);
        }
    }

    /// Returns a copy with the same values.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::default();
        copy.start(self.stage(), self.parent());
        copy.set_span_id(self.span_id());
        copy.add_busy_remotely(self.busy());
        for label in [StageLabel::Provider, StageLabel::Model, StageLabel::Error] {
            copy.set_label(label, self.label(label));
        }
        copy
    }

    /// Adds busy ticks without a read-modify-write. Owner thread only.
    pub(super) fn add_busy_as_owner(&self, ticks: u64) {
        self.busy_owner.store(self.busy_owner.load(Relaxed).wrapping_add(ticks), Relaxed);
    }

    pub(crate) fn add_busy_remotely(&self, ticks: u64) {
        self.busy_remote.fetch_add(ticks, Relaxed);
    }

    /// Returns the busy ticks of all threads.
    pub(super) fn busy(&self) -> u64 {
        self.busy_owner.load(Relaxed).wrapping_add(self.busy_remote.load(Relaxed))
    }

    pub(crate) fn set_span_id(&self, id: u64) {
        self.span_id.store(id, Relaxed);
    }

    pub(super) fn span_id(&self) -> u64 {
        self.span_id.load(Relaxed)
    }

    pub(crate) fn stage(&self) -> Symbol {
        Symbol(self.stage.load(Relaxed))
    }

    /// Returns the slot of the parent stage, or [`NO_SLOT`](crate::key::NO_SLOT).
    pub(super) fn parent(&self) -> u16 {
        self.parent.load(Relaxed)
    }

    pub(crate) fn set_label(&self, label: StageLabel, value: Symbol) {
        self.cell(label).store(value.0, Relaxed);
    }

    pub(crate) fn label(&self, label: StageLabel) -> Symbol {
        Symbol(self.cell(label).load(Relaxed))
    }

    fn cell(&self, label: StageLabel) -> &AtomicU16 {
        match label {
            StageLabel::Provider => &self.provider,
            StageLabel::Model => &self.model,
            StageLabel::Error => &self.error,
        }
    }
}
