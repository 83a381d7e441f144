//! Random numbers that need not be unpredictable.

use crate::sync::{Serial, atomic::Ordering::Relaxed};

/// A xorshift64* generator.
#[derive(Debug)]
pub(crate) struct Random(u64);

// === impl Random ===

impl Random {
    /// Creates a sequence that differs from all others of the process.
    pub(crate) fn new() -> Self {
        static SEEDS: Serial = Serial::new(1);
        // Spread out, and never zero, from which the generator returns only zeros.
        Self(SEEDS.fetch_add(1, Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns a number below `limit`, which must not be zero.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        // The high half of the product is uniform to within one number per result.
        u64::try_from((u128::from(number) * u128::from(limit)) >> 64).unwrap_or(0)
    }
}
