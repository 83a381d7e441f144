//! The key of a series within its family.

use crate::symbol::Symbol;

/// The most labels that a family has.
pub(crate) const MAX_LABELS: usize = 6;
const BITS: usize = u16::BITS as usize;

/// The label values of a series, in the family's order; absent beyond its length.
///
/// Packed, 16 bits per symbol: comparing or hashing two words is a tenth of the work of six symbols
/// one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesKey(u128);

// === impl SeriesKey ===

impl SeriesKey {
    /// A key that no series has: symbols take 96 bits.
    pub(super) const NONE: Self = Self(u128::MAX);

    /// Sets the value of an absent label.
    #[inline]
    #[must_use]
    pub(super) fn with(self, position: usize, symbol: Symbol) -> Self {
        debug_assert!(position < MAX_LABELS);
        Self(self.0 | u128::from(symbol.0) << (position * BITS))
    }

    /// Returns the label value at `position`.
    #[expect(clippy::cast_possible_truncation, reason = "the lowest 16 bits are wanted")]
    pub(super) fn symbol(self, position: usize) -> Symbol {
        Symbol((self.0 >> (position * BITS)) as u16)
    }

    /// Returns a number below 2^`bits` that spreads keys evenly.
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
        let key_of = |symbols: [Symbol; MAX_LABELS]| {
            let symbols = symbols.into_iter().enumerate();
            symbols.fold(SeriesKey::default(), |key, (position, it)| key.with(position, it))
        };
        let key = key_of(symbols);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|it| key.symbol(it)), symbols);
        assert_ne!(key_of([Symbol(u16::MAX); MAX_LABELS]), SeriesKey::NONE);
    }
}
