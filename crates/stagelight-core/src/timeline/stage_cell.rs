//! What is known of a stage besides its edges.

use crate::{
    symbol::Symbol,
    sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed},
};

/// An open stage; written from its start to its end, read when it is swept.
///
/// Relaxed everywhere: whoever sweeps has seen the stage's end, and with it all that came before.
#[derive(Debug, Default)]
pub(super) struct StageCell {
    /// Ticks in which it was polled at home, written by home alone.
    busy_owner: AtomicU64,
    /// The same on other threads.
    busy_remote: AtomicU64,
    /// Of the span that records it in a trace; zero when none does.
    span_id: AtomicU64,
    stage: AtomicU16,
    parent: AtomicU16,
    provider: AtomicU16,
    model: AtomicU16,
    error: AtomicU16,
}

/// An attribute of a stage that may be given after its start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StageLabel {
    Provider,
    Model,
    Error,
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

    /// Adds polled ticks without a read-modify-write: home is the one writer.
    pub(super) fn add_busy_as_owner(&self, ticks: u64) {
        self.busy_owner.store(self.busy_owner.load(Relaxed).wrapping_add(ticks), Relaxed);
    }

    pub(super) fn add_busy_remotely(&self, ticks: u64) {
        self.busy_remote.fetch_add(ticks, Relaxed);
    }

    /// Returns the ticks in which it was polled, on all threads.
    pub(super) fn busy(&self) -> u64 {
        self.busy_owner.load(Relaxed).wrapping_add(self.busy_remote.load(Relaxed))
    }

    pub(super) fn set_span_id(&self, id: u64) {
        self.span_id.store(id, Relaxed);
    }

    pub(super) fn span_id(&self) -> u64 {
        self.span_id.load(Relaxed)
    }

    pub(super) fn stage(&self) -> Symbol {
        Symbol(self.stage.load(Relaxed))
    }

    /// Returns the slot of the stage above.
    pub(super) fn parent(&self) -> u16 {
        self.parent.load(Relaxed)
    }

    pub(super) fn set_label(&self, label: StageLabel, value: Symbol) {
        self.cell(label).store(value.0, Relaxed);
    }

    pub(super) fn label(&self, label: StageLabel) -> Symbol {
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
