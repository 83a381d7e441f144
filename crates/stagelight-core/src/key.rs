//! Keys of open spans.

/// Identifies an open request or stage. Layers keep one for each open span.
///
/// A key of an ended request is recognised as stale and ignored, until the request's memory has
/// been reused 2^22 times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SpanKey(u64);

// Bits: 63 valid, 62 sampled, 40..62 generation, 16..40 request, 14..16 kind, 0..14 slot.
const VALID: u64 = 1 << 63;
const SAMPLED: u64 = 1 << 62;
const GENERATION_SHIFT: u32 = 40;
const GENERATION_MASK: u64 = SpanKey::GENERATIONS as u64 - 1;
const REQUEST_SHIFT: u32 = 16;
const REQUEST_MASK: u64 = (1 << 24) - 1;
const KIND_SHIFT: u32 = 14;
const KIND_MASK: u64 = 3;
const STAGE: u64 = 1;
const REQUEST: u64 = 2;
const SLOT_MASK: u64 = (1 << KIND_SHIFT) - 1;

const UNMEASURED: u64 = 3;
/// The bit of the request's index that keys of unmeasured requests have.
const UNMEASURED_INDEX: u64 = SpanKey::MAX_REQUESTS as u64;

/// The slot of a request's own span and its time outside of stages.
pub(crate) const NO_SLOT: u16 = 0x3FFF;

// === impl SpanKey ===

impl SpanKey {
    /// The key of a span outside of any request.
    pub const NONE: Self = Self(0);

    /// The number of generations that keys can tell apart.
    pub(crate) const GENERATIONS: u32 = 1 << 22;
    /// The most requests that keys can tell apart.
    pub(crate) const MAX_REQUESTS: u32 = 1 << 23;

    pub(crate) const fn for_request(index: u32, generation: u32) -> Self {
        Self(
            VALID
                | (generation as u64 & GENERATION_MASK) << GENERATION_SHIFT
                | (index as u64 & REQUEST_MASK) << REQUEST_SHIFT
                | REQUEST << KIND_SHIFT
                | NO_SLOT as u64,
        )
    }

    /// Returns the key of a request beyond the limit. Its spans are recorded in traces like spans
    /// outside of requests.
    pub(crate) const fn for_unmeasured(index: u32) -> Self {
        let index = index as u64 & (UNMEASURED_INDEX - 1) | UNMEASURED_INDEX;
        let kind = UNMEASURED << KIND_SHIFT | NO_SLOT as u64;
        Self(VALID | SAMPLED | index << REQUEST_SHIFT | kind)
    }

    /// Returns the index of a request beyond the limit if this is its own key.
    pub(crate) const fn unmeasured(self) -> Option<u32> {
        let is_own = self.is_unmeasured() && (self.0 >> KIND_SHIFT) & KIND_MASK == UNMEASURED;
        if is_own { Some(self.request() & (Self::MAX_REQUESTS - 1)) } else { None }
    }

    /// Returns `true` if the span is in a request beyond the limit.
    pub(crate) const fn is_unmeasured(self) -> bool {
        (self.0 >> REQUEST_SHIFT) & UNMEASURED_INDEX != 0
    }

    /// Returns the key of a stage of this key's request.
    pub(crate) const fn for_stage(self, slot: u16) -> Self {
        Self(self.0 & !(SLOT_MASK | KIND_MASK << KIND_SHIFT) | STAGE << KIND_SHIFT | slot as u64)
    }

    /// Returns the key of a child span that measures nothing itself.
    #[must_use]
    pub const fn plain(self) -> Self {
        if self.0 == 0 { self } else { Self(self.0 & !(KIND_MASK << KIND_SHIFT)) }
    }

    /// Returns the same key with the sampling decision of its request. Keys below inherit it.
    pub(crate) const fn with_decision(self, is_sampled: bool) -> Self {
        Self(if is_sampled { self.0 | SAMPLED } else { self.0 & !SAMPLED })
    }

    /// Returns `true` if the span recorder receives the span: the span's request is sampled, or
    /// the span is in no request.
    #[must_use]
    pub const fn is_traced(self) -> bool {
        self.0 & (VALID | SAMPLED) != VALID
    }

    /// Returns `true` if the span is in no request.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns `true` if the span is a stage, which has busy time.
    #[must_use]
    pub const fn is_stage(self) -> bool {
        (self.0 >> KIND_SHIFT) & KIND_MASK == STAGE
    }

    /// Returns `true` if the span measures nothing itself: neither a stage nor a request.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        (self.0 >> KIND_SHIFT) & KIND_MASK == 0
    }

    /// Returns `true` if the span is a measured request's own span.
    #[must_use]
    pub const fn is_request(self) -> bool {
        (self.0 >> KIND_SHIFT) & KIND_MASK == REQUEST
    }

    /// Returns the key as bits, which are zero only for [`SpanKey::NONE`].
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Creates a key from the result of [`to_bits`](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the request's index in the pool.
    pub(crate) const fn request(self) -> u32 {
        ((self.0 >> REQUEST_SHIFT) & REQUEST_MASK) as u32
    }

    /// Returns the bits that all keys of a request have in common.
    pub(crate) const fn request_bits(self) -> u64 {
        (self.0 & !SAMPLED) >> REQUEST_SHIFT
    }

    /// Returns the request's index from the [bits](Self::request_bits) of its keys.
    pub(crate) const fn request_of(bits: u64) -> u32 {
        (bits & REQUEST_MASK) as u32
    }

    pub(crate) const fn slot(self) -> u16 {
        (self.0 & SLOT_MASK) as u16
    }

    /// Returns `true` if this key belongs to the given use of its request's memory.
    pub(crate) const fn is_of(self, generation: u32) -> bool {
        self.0 & VALID != 0 && (self.0 >> GENERATION_SHIFT) & GENERATION_MASK == generation as u64
    }
}
