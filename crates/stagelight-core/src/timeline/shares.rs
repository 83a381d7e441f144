//! Gives every instant of a request to exactly one place.
//!
//! A stage with no open stage below it is *innermost*. Each instant is split evenly among the innermost stages, or is
//! unattributed when none is open. To do that in one pass, a virtual time runs: in `dt` of real time it advances by `dt ÷ n`, `n`
//! being the number of innermost stages, so a stage earns what the virtual time advanced by while it was innermost. What the whole-number
//! division leaves over is carried into the next step, and at last into the unattributed time: nothing is lost or made up, so shares +
//! unattributed = duration, exactly.

use crate::key::NO_SLOT;

/// The running state of a request's sweep. All times are nanoseconds since the request's start.
#[derive(Debug, Default)]
pub(crate) struct ShareAccumulator {
    now: u64,
    virtual_time: u64,
    /// Nanoseconds that the last division left over; fewer than there were innermost stages.
    carry: u64,
    unattributed: u64,
    innermost: u64,
    /// By slot; grows to the highest slot used.
    stages: Vec<Stage>,
    /// The request has ended: shares are settled, and only durations are still measured.
    ended: bool,
}

/// One slot.
#[derive(Clone, Copy, Debug)]
struct Stage {
    is_open: bool,
    parent: u16,
    opened: u64,
    /// Open stages right below. Counted also while this slot's own start has not been swept: with equal times from two threads a
    /// child's start may come first.
    children: u32,
    /// Virtual time since when it has been innermost.
    innermost_since: u64,
    share: u64,
}

/// What is known of a stage when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClosedStage {
    /// Nanoseconds from its start to its end.
    pub(crate) duration: u64,
    /// Nanoseconds of the request that are its own, unless the request's end settled that before.
    pub(crate) share: Option<u64>,
}

// === impl Sweep ===

impl ShareAccumulator {
    /// Forgets everything, for the next request; keeps room for `keep` slots at most.
    pub(crate) fn reset(&mut self, keep: usize) {
        let mut stages = std::mem::take(&mut self.stages);
        empty(&mut stages, keep);
        *self = Self { stages, ..Self::default() };
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns the time of the latest edge.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn is_open(&self, slot: usize) -> bool {
        self.stages.get(slot).is_some_and(|it| it.is_open)
    }

    /// Moves the time forward; an earlier `time` than the last one counts as the last one.
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
            let stage = &mut self.stages[slot];
            *stage = Stage { is_open: true, opened: time, ..Stage::FREE };
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

    /// Ends a stage. `None` when it is not open.
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

    /// Ends the request. Calls `settled` with the slot and share of each stage that is still open, and returns the unattributed time.
    pub(crate) fn end(&mut self, time: u64, mut shares: impl FnMut(usize, u64)) -> u64 {
        self.advance(time);
        self.ended = true;
        for slot in 0..self.stages.len() {
            if self.stages[slot].is_open {
                let share = self.finalize(slot);
                shares(slot, share);
            }
        }
        self.unattributed + self.carry
    }

    /// A stage opens below `parent`: it is not innermost any more.
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

    /// A stage below `parent` ends: `parent` may be innermost again.
    fn child_closed(&mut self, parent: u16) {
        let virtual_time = self.virtual_time;
        let Some(stage) = self.stages.get_mut(usize::from(parent)) else { return };
        stage.children = stage.children.saturating_sub(1);
        if stage.is_open && stage.children == 0 {
            stage.innermost_since = virtual_time;
            self.innermost += 1;
        }
    }

    /// Closes the account of an open stage.
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

/// Empties a list, and keeps room for `keep` items at most.
pub(super) fn empty<T>(list: &mut Vec<T>, keep: usize) {
    list.clear();
    list.shrink_to(keep);
}
