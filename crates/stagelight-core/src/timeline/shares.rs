//! Attributes every instant of a request to exactly one place.
//!
//! A stage without an open child is *innermost*. Each instant is split evenly among the innermost
//! stages, or is unattributed if there is none. One pass suffices with a virtual clock: in `dt` of
//! real time it advances by `dt ÷ n`, where `n` is the number of innermost stages. A stage's share
//! is the virtual time that passes while the stage is innermost. The remainder of the
//! integer division is carried into the next step, and the last one into the unattributed time, so
//! shares + unattributed = duration, exactly.

use crate::key::NO_SLOT;

/// The shares of a request's stages so far. All times are nanoseconds since the request's start.
#[derive(Debug, Default)]
pub(crate) struct ShareAccumulator {
    now: u64,
    virtual_time: u64,
    /// Remainder of the last division, less than the number of innermost stages.
    carry: u64,
    unattributed: u64,
    innermost: u64,
    /// By slot, up to the highest slot used.
    stages: Vec<Stage>,
    /// The request has ended: shares are final, and only durations are still measured.
    ended: bool,
}

/// One slot.
#[derive(Clone, Copy, Debug)]
struct Stage {
    is_open: bool,
    parent: u16,
    opened: u64,
    /// Open children. Also counted before this slot's own start has been applied: with equal times
    /// on two threads, a child's start may come first.
    children: u32,
    /// The virtual time at which it became innermost.
    innermost_since: u64,
    share: u64,
}

/// The result of closing a stage, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClosedStage {
    /// From the stage's start to its end.
    pub(crate) duration: u64,
    /// The stage's share, or `None` if the request's end has already fixed it.
    pub(crate) share: Option<u64>,
}

// === impl ShareAccumulator ===

impl ShareAccumulator {
    /// Clears everything for the next request. Keeps the capacity of at most `keep` slots.
    pub(crate) fn reset(&mut self, keep: usize) {
        let mut stages = std::mem::take(&mut self.stages);
        clear(&mut stages, keep);
        *self = Self { stages, ..Self::default() };
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns the time of the latest edge.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Returns the slots of all open stages, and when they opened.
    pub(crate) fn open_stages(&self) -> impl Iterator<Item = (usize, u64)> {
        let stages = self.stages.iter().enumerate();
        stages.filter(|(_, it)| it.is_open).map(|(slot, it)| (slot, it.opened))
    }

    pub(crate) fn is_open(&self, slot: usize) -> bool {
        self.stages.get(slot).is_some_and(|it| it.is_open)
    }

    /// Advances to `time`. An earlier time than the last one counts as the last one.
    fn advance(&mut self, time: u64) {
        let elapsed = time.saturating_sub(self.now);
        self.now += elapsed;
        let due = elapsed + self.carry;
        match self.innermost {
            0 => {
                self.unattributed += due;
                self.carry = 0;
            }
            // The common case, without a division.
            1 => {
                self.virtual_time += due;
                self.carry = 0;
            }
            stages => {
                self.virtual_time += due / stages;
                self.carry = due % stages;
            }
        }
    }

    pub(crate) fn open(&mut self, time: u64, slot: usize, parent: u16) {
        if self.stages.len() <= slot {
            self.stages.resize(slot + 1, Stage::FREE);
        }
        if self.ended {
            self.stages[slot] = Stage { is_open: true, opened: time, ..Stage::FREE };
            return;
        }
        self.advance(time);
        if parent != NO_SLOT {
            self.child_opened(parent);
        }
        let stage = &mut self.stages[slot];
        *stage = Stage {
            is_open: true,
            parent,
            opened: time,
            children: stage.children,
            innermost_since: self.virtual_time,
            ..Stage::FREE
        };
        if stage.children == 0 {
            self.innermost += 1;
        }
    }

    /// Closes a stage. Returns `None` if it is not open.
    pub(crate) fn close(&mut self, time: u64, slot: usize) -> Option<ClosedStage> {
        let stage = *self.stages.get(slot).filter(|it| it.is_open)?;
        let duration = time.saturating_sub(stage.opened);
        if self.ended {
            self.stages[slot].is_open = false;
            return Some(ClosedStage { duration, share: None });
        }
        self.advance(time);
        let share = self.finalize(slot);
        self.stages[slot].is_open = false;
        if stage.parent != NO_SLOT {
            self.child_closed(stage.parent);
        }
        Some(ClosedStage { duration, share: Some(share) })
    }

    /// Ends the request. Calls `on_share` with the slot and share of each stage still open,
    /// and returns the unattributed time.
    pub(crate) fn end(&mut self, time: u64, mut on_share: impl FnMut(usize, u64)) -> u64 {
        self.advance(time);
        self.ended = true;
        for slot in 0..self.stages.len() {
            if self.stages[slot].is_open {
                let share = self.finalize(slot);
                on_share(slot, share);
            }
        }
        self.unattributed + self.carry
    }

    /// Notes a new child of `parent`, which is no longer innermost.
    fn child_opened(&mut self, parent: u16) {
        let parent = usize::from(parent);
        if self.stages.len() <= parent {
            self.stages.resize(parent + 1, Stage::FREE);
        }
        let virtual_time = self.virtual_time;
        let stage = &mut self.stages[parent];
        if stage.is_open && stage.children == 0 {
            stage.share += virtual_time - stage.innermost_since;
            self.innermost -= 1;
        }
        stage.children += 1;
    }

    /// Notes the end of a child of `parent`, which may become innermost again.
    fn child_closed(&mut self, parent: u16) {
        let virtual_time = self.virtual_time;
        let Some(stage) = self.stages.get_mut(usize::from(parent)) else { return };
        stage.children = stage.children.saturating_sub(1);
        if stage.is_open && stage.children == 0 {
            stage.innermost_since = virtual_time;
            self.innermost += 1;
        }
    }

    /// Computes the final share of an open stage.
    fn finalize(&mut self, slot: usize) -> u64 {
        let stage = &mut self.stages[slot];
        if stage.children == 0 {
            stage.share += self.virtual_time - stage.innermost_since;
            self.innermost -= 1;
        }
        stage.share
    }
}

// === impl Stage ===

impl Stage {
    const FREE: Self = Self {
        is_open: false,
        parent: NO_SLOT,
        opened: 0,
        children: 0,
        innermost_since: 0,
        share: 0,
    };
}

/// Clears a list. Keeps the capacity of at most `keep` items.
pub(super) fn clear<T>(list: &mut Vec<T>, keep: usize) {
    list.clear();
    list.shrink_to(keep);
}
