//! What a front end keeps for each open span.

/// Names an open request or stage; what a front end keeps for each span and hands back with each edge.
///
/// A key of a request that has ended and been forgotten is recognised as stale and ignored, until its record has been
/// used 2^18 times more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SpanKey(u64);

// Bits: 63 valid, 62 sampled, 40..58 generation, 16..40 record, 14..16 kind, 0..14 slot.
const VALID: u64 = 1 << 63;
const SAMPLED: u64 = 1 << 62;
const GENERATION_SHIFT: u32 = 40;
const GENERATION_MASK: u64 = (1 << 18) - 1;
const RECORD_SHIFT: u32 = 16;
const RECORD_MASK: u64 = (1 << 24) - 1;
const KIND_SHIFT: u32 = 14;
const KIND_MASK: u64 = 3;
const STAGE: u64 = 1;
const REQUEST: u64 = 2;
const SLOT_MASK: u64 = (1 << KIND_SHIFT) - 1;

// === impl SpanKey ===

impl SpanKey {
    /// The key of a span that is in no request.
    pub const NONE: Self = Self(0);

    pub(crate) const fn request(record: u32, generation: u32) -> Self {
        Self(
            VALID
                | (generation as u64 & GENERATION_MASK) << GENERATION_SHIFT
                | (record as u64 & RECORD_MASK) << RECORD_SHIFT
                | REQUEST << KIND_SHIFT
                | NO_SLOT as u64,
        )
    }

    /// Returns the key of a stage in this key's request.
    pub(crate) const fn stage(self, slot: u16) -> Self {
        Self(self.0 & !(SLOT_MASK | KIND_MASK << KIND_SHIFT) | STAGE << KIND_SHIFT | slot as u64)
    }

    /// Returns the key of a span that is itself neither stage nor request, below this one.
    #[must_use]
    pub const fn plain(self) -> Self {
        if self.0 == 0 { self } else { Self(self.0 & !(KIND_MASK << KIND_SHIFT)) }
    }

    /// Returns the key of the same span, with what was decided about its request's trace. Keys below inherit it.
    pub(crate) const fn with_decision(self, is_sampled: bool) -> Self {
        Self(if is_sampled { self.0 | SAMPLED } else { self.0 & !SAMPLED })
    }

    /// Returns whether a layer that makes traces is to see the span: its request is sampled, or it is in none.
    #[must_use]
    pub const fn is_traced(self) -> bool {
        self.0 & (VALID | SAMPLED) != VALID
    }

    /// Returns whether the span is in no request.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the span is a stage, so that its busy time counts.
    #[must_use]
    pub const fn is_stage(self) -> bool {
        (self.0 >> KIND_SHIFT) & KIND_MASK == STAGE
    }

    /// Returns whether the span is a request's own.
    #[must_use]
    pub const fn is_request(self) -> bool {
        (self.0 >> KIND_SHIFT) & KIND_MASK == REQUEST
    }

    /// Returns the bits, which are zero only for [`SpanKey::NONE`].
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Makes a key of its bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn record(self) -> u32 {
        ((self.0 >> RECORD_SHIFT) & RECORD_MASK) as u32
    }

    pub(crate) const fn slot(self) -> u16 {
        (self.0 & SLOT_MASK) as u16
    }

    /// Returns whether this key was made for the given use of its record.
    pub(crate) const fn is_of(self, generation: u32) -> bool {
        self.0 & VALID != 0
            && (self.0 >> GENERATION_SHIFT) & GENERATION_MASK == generation as u64 & GENERATION_MASK
    }
}

/// The slot of what is not in a stage: a request's own time.
pub(crate) const NO_SLOT: u16 = 0x3FFF;
