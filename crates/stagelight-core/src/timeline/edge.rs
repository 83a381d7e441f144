//! The start or end of a stage, as it is noted down.

/// The start or end of a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Ticks since the request's start.
    pub(super) offset: u64,
    pub(super) slot: u16,
    pub(super) is_close: bool,
}

// === impl Edge ===

impl Edge {
    /// 53 bits: 34 days of a 3 GHz counter. A stage that opens later than that in its request counts from there.
    pub(super) const MAX_OFFSET: u64 = (1 << 53) - 1;

    pub(super) fn pack(self) -> u64 {
        self.offset << 11 | u64::from(self.slot) << 1 | u64::from(self.is_close)
    }

    pub(super) fn unpack(bits: u64) -> Self {
        Self { offset: bits >> 11, slot: ((bits >> 1) & 0x3FF) as u16, is_close: bits & 1 == 1 }
    }
}
