//! What tells one series of a family from another.

use crate::symbol::Symbol;

/// The most attributes that a family has.
pub(crate) const MAX_LABELS: usize = 6;
const BITS: usize = u16::BITS as usize;

/// The attribute values of a series, in the family's order; absent beyond its length.
///
/// Packed, 16 bits a symbol: to compare or to hash two words is a tenth of the work of six symbols one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesKey(u128);

// === impl SeriesKey ===

impl SeriesKey {
    /// A key that no series has: symbols take 96 bits.
    pub(super) const NONE: Self = Self(u128::MAX);

    #[inline]
    pub(crate) fn new<const N: usize>(symbols: [Symbol; N]) -> Self {
        const { assert!(N <= MAX_LABELS) };
        let pack = |bits, (position, symbol): (usize, &Symbol)| {
            bits | u128::from(symbol.0) << (position * BITS)
        };
        Self(symbols.iter().enumerate().fold(0, pack))
    }

    /// Returns the attribute value at `position`.
    #[expect(clippy::cast_possible_truncation, reason = "the lowest 16 bits are wanted")]
    pub(super) fn symbol(self, position: usize) -> Symbol {
        Symbol((self.0 >> (position * BITS)) as u16)
    }

    /// Returns a number below 2^`bits`, as different as can be for keys that differ.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "halves are wanted, then `bits` bits")]
    pub(super) fn spread(self, bits: u32) -> usize {
        let folded = (self.0 as u64) ^ ((self.0 >> 64) as u64).rotate_left(8);
        // Fibonacci hashing: 2^64 over the golden ratio.
        (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - bits)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_its_symbols_in_order() {
        let symbols = [7, u16::MAX, 0, 1, 2, 3].map(Symbol);
        let key = SeriesKey::new(symbols);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|it| key.symbol(it)), symbols);
        assert_ne!(SeriesKey::new([Symbol(u16::MAX); MAX_LABELS]), SeriesKey::NONE);
    }
}
