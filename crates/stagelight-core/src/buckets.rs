//! Classic histogram buckets: bounds fixed at compile time.

/// The most bounds of a histogram; the contract's longest list has this many.
pub const MAX_BOUNDS: usize = 16;

/// Upper bounds of a classic histogram's buckets, inclusive.
///
/// They are stored in the exported unit (seconds, bytes) and in the recorded unit (nanoseconds,
/// bytes): recording compares integers, and exporting copies.
///
/// # Invariant
///
/// 1 to [`MAX_BOUNDS`] bounds, finite, above zero, strictly increasing, at least one recorded unit
/// apart. In a `static` or `const`, the constructors check this at compile time.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    exported: &'static [f64],
    recorded: [u64; MAX_BOUNDS],
    /// For each bit length of a value, the first bucket for it.
    first: [u8; 65],
}

// === impl Buckets ===

impl Buckets {
    /// Creates buckets for a time: bounds in seconds, values in nanoseconds.
    ///
    /// # Panics
    ///
    /// If the bounds break the invariant; in a `static` or `const`, that is a compile error.
    #[must_use]
    pub const fn seconds(bounds: &'static [f64]) -> Self {
        Self::scaled(bounds, 1e9)
    }

    /// Creates buckets for a size: bounds and values in bytes.
    ///
    /// # Panics
    ///
    /// If the bounds break the invariant; in a `static` or `const`, that is a compile error.
    #[must_use]
    pub const fn bytes(bounds: &'static [f64]) -> Self {
        Self::scaled(bounds, 1.0)
    }

    /// Creates buckets for a number of things.
    ///
    /// # Panics
    ///
    /// If the bounds break the invariant; in a `static` or `const`, that is a compile error.
    #[must_use]
    pub const fn counts(bounds: &'static [f64]) -> Self {
        Self::scaled(bounds, 1.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: positive, and far below 2^63"
    )]
    const fn scaled(exported: &'static [f64], units_per_one: f64) -> Self {
        assert!(!exported.is_empty() && exported.len() <= MAX_BOUNDS, "1 to 16 bounds");
        let mut recorded = [u64::MAX; MAX_BOUNDS];
        let mut index = 0;
        while index < exported.len() {
            let bound = exported[index] * units_per_one;
            assert!(bound >= 1.0 && bound < 9e18, "a bound is out of range");
            recorded[index] = (bound + 0.5) as u64;
            assert!(index == 0 || recorded[index - 1] < recorded[index], "bounds must increase");
            index += 1;
        }
        Self { exported, recorded, first: Self::first_by_bit_length(&recorded, exported.len()) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 16")]
    const fn first_by_bit_length(recorded: &[u64; MAX_BOUNDS], len: usize) -> [u8; 65] {
        let mut first = [0; 65];
        let mut bits = 1;
        while bits <= 64 {
            let smallest = 1_u64 << (bits - 1);
            let mut index = 0;
            while index < len && recorded[index] < smallest {
                index += 1;
            }
            first[bits] = index as u8;
            bits += 1;
        }
        first
    }

    /// Returns the bounds in the exported unit.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        self.exported
    }

    /// Returns the bounds in the recorded unit.
    #[must_use]
    pub fn recorded_bounds(&self) -> &[u64] {
        &self.recorded[..self.exported.len()]
    }

    /// Returns the bucket of `value`, from 0 to `bounds().len()`, the overflow bucket.
    ///
    /// # Cost
    ///
    /// One look-up by bit length, and one comparison more than bounds share the value's power of
    /// two (one or two in the catalogue).
    #[inline]
    #[must_use]
    pub fn index_of(&self, value: u64) -> usize {
        let bits = 64 - value.leading_zeros();
        let mut index = usize::from(self.first[bits as usize]);
        // Beyond the last bound the list holds `u64::MAX`, which nothing exceeds.
        while index < MAX_BOUNDS && self.recorded[index] < value {
            index += 1;
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNEVEN: Buckets = Buckets::seconds(&[0.05, 0.075, 0.1, 1.0, 1.5, 2.0]);

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        for (index, &bound) in UNEVEN.recorded_bounds().iter().enumerate() {
            assert_eq!(UNEVEN.index_of(bound), index);
            assert_eq!(UNEVEN.index_of(bound + 1), index + 1);
        }
    }

    #[test]
    fn the_ends_of_the_range_have_buckets() {
        assert_eq!(UNEVEN.index_of(0), 0);
        assert_eq!(UNEVEN.index_of(u64::MAX), UNEVEN.bounds().len());
    }

    proptest! {
        #[test]
        fn the_index_is_the_count_of_smaller_bounds(value in 0_u64..4_000_000_000) {
            let smaller = UNEVEN.recorded_bounds().iter().filter(|&&it| it < value).count();
            prop_assert_eq!(UNEVEN.index_of(value), smaller);
        }
    }
}
