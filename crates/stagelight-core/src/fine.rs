//! Fine buckets: base-2 exponential, 32 per power of two, for quantiles.
//!
//! Bounds are 2^(i/32) in the *exported* unit (seconds, bytes): OpenTelemetry's exponential
//! histogram at scale 5, so they are exported without loss. Neighbouring bounds are 2.2 % apart, so
//! the geometric mean of a bucket's bounds is within 1.1 % of every value in it.

use crate::catalog::{Instrument, Metric};

/// Buckets per power of two.
pub(crate) const PER_OCTAVE: usize = 32;
/// The scale of the exponential histogram: 2^5 buckets per power of two.
pub const SCALE: i32 = 5;

/// The bounds for one recorded unit.
///
/// A value is `m * 2^octave` with `m` in 1..2. The bounds cut every octave at the same 32 values of
/// `m`, so one table of cuts is enough.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The cuts as values of `m`, in 1/2^63; upper bounds are inclusive.
    cuts: [u64; PER_OCTAVE],
    /// For each 64th of the octave, the first cut not below its start.
    first: [u8; 64],
    /// OpenTelemetry's index of the bucket that begins at the first cut of octave 0, less one.
    offset: i32,
}

/// For values in nanoseconds with bounds in seconds.
pub(crate) static NANOSECONDS: Layout = Layout::new(1_000_000_000);
/// For values and bounds in the same unit.
pub(crate) static PLAIN: Layout = Layout::new(1);

/// Which histograms keep fine buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FineBuckets {
    /// Those with [`Instrument::quantiles`].
    ForQuantiles,
    /// All.
    Everywhere,
}

// === impl Layout ===

impl Layout {
    /// `one` is how many recorded units make one exported unit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "small numbers"
    )]
    const fn new(one: u64) -> Self {
        // `one` as 1.x * 2^octave, in 1/2^63.
        let octave = 63 - one.leading_zeros();
        let mantissa = one << (63 - octave);
        let mut cuts = [0; PER_OCTAVE];
        // 2^(j/32) * mantissa passes 2 for the last few j: those are the first cuts of an octave.
        let mut below = 0;
        let mut step = 0;
        while step < PER_OCTAVE {
            if product(root(step), mantissa) < 1 << 63 {
                below += 1;
            }
            step += 1;
        }
        let above = PER_OCTAVE - below;
        let mut position = 0;
        while position < PER_OCTAVE {
            let step = if position < above { below + position } else { position - above };
            let cut = product(root(step), mantissa);
            cuts[position] = if position < above { cut as u64 } else { (cut << 1) as u64 };
            position += 1;
        }
        let mut first = [0; 64];
        let mut part = 0;
        while part < 64 {
            let start = (1_u64 << 63) + ((part as u64) << 57);
            let mut index = 0;
            while index < PER_OCTAVE && cuts[index] < start {
                index += 1;
            }
            first[part] = index as u8;
            part += 1;
        }
        // The cut at `position == above` is 2^0 * one in `octave`: the lower bound of bucket 0.
        let offset = -((octave as i32) * PER_OCTAVE as i32 + above as i32) - 1;
        Self { cuts, first, offset }
    }

    /// Returns the position of the bucket of `value`, counted from that of the smallest value.
    #[inline]
    pub(crate) fn position(&self, value: u64) -> usize {
        let value = value | u64::from(value == 0);
        let zeros = value.leading_zeros();
        let mantissa = value << zeros;
        let mut index = usize::from(self.first[(mantissa >> 57) as usize & 63]);
        while index < PER_OCTAVE && self.cuts[index] < mantissa {
            index += 1;
        }
        (63 - zeros as usize) * PER_OCTAVE + index
    }

    /// Returns OpenTelemetry's index of the bucket at `position`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below 2048")]
    pub(crate) fn otel_index(&self, position: usize) -> i32 {
        position as i32 + self.offset
    }
}

// === impl FineBuckets ===

impl FineBuckets {
    pub(crate) fn are_kept_of(self, metric: &Metric) -> bool {
        let Instrument::Histogram { quantiles, .. } = metric.instrument else { return false };
        quantiles || self == Self::Everywhere
    }
}

/// Returns 2^(step/32) in 1/2^63, for `step` below 32.
const fn root(step: usize) -> u64 {
    // 2^(1/2), 2^(1/4) … by repeated square roots, multiplied up by the bits of `step`.
    let mut result = 1_u64 << 63;
    let mut power = 1_u128 << 127;
    let mut bit = PER_OCTAVE / 2;
    while bit > 0 {
        // The square root of x/2^63 is sqrt(x * 2^63)/2^63.
        let half = square_root(power);
        if step & bit != 0 {
            result = product_within(result, half);
        }
        power = (half as u128) << 63;
        bit /= 2;
    }
    result
}

/// Multiplies two numbers in 1/2^63. The result can reach 4, so it is in 1/2^62.
const fn product(left: u64, right: u64) -> u128 {
    (left as u128 * right as u128) >> 64
}

/// Multiplies two numbers in 1/2^63 with a product below 2.
#[expect(clippy::cast_possible_truncation, reason = "the product is below 2")]
const fn product_within(left: u64, right: u64) -> u64 {
    ((left as u128 * right as u128) >> 63) as u64
}

/// Returns the whole square root of `value`, which is below 2^128.
#[expect(clippy::cast_possible_truncation, reason = "a root of 128 bits has 64")]
const fn square_root(value: u128) -> u64 {
    let mut low = 0_u128;
    let mut high = 1_u128 << 64;
    while high - low > 1 {
        let middle = u128::midpoint(low, high);
        if middle <= value / middle {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_bounds(layout: &Layout, one: f64, value: u64) {
        let index = layout.otel_index(layout.position(value));
        let base = 2_f64.powf(1.0 / 32.0);
        let (lower, upper) = (base.powi(index) * one, base.powi(index + 1) * one);
        let value = value as f64;
        // A hair of tolerance: powi itself is off by some 1e-13.
        assert!(lower * (1.0 - 1e-12) < value, "{value} is not above {lower}");
        assert!(value <= upper * (1.0 + 1e-12), "{value} is above {upper}");
    }

    #[test]
    fn one_exported_unit_closes_the_bucket_below_index_zero() {
        assert_eq!(NANOSECONDS.otel_index(NANOSECONDS.position(1_000_000_000)), -1);
        assert_eq!(NANOSECONDS.otel_index(NANOSECONDS.position(1_000_000_001)), 0);
        assert_eq!(PLAIN.otel_index(PLAIN.position(1)), -1);
        assert_eq!(PLAIN.otel_index(PLAIN.position(1024)), 319);
    }

    proptest! {
        #[test]
        fn a_value_lies_between_its_bucket_s_bounds(shift in 0_u32..44, bits in 1_u64..(1 << 20)) {
            check_bounds(&NANOSECONDS, 1e9, bits << shift);
            check_bounds(&PLAIN, 1.0, bits << shift);
        }

        #[test]
        fn positions_grow_with_values(left: u64, right: u64) {
            let (small, large) = (left.min(right), left.max(right));
            prop_assert!(NANOSECONDS.position(small) <= NANOSECONDS.position(large));
        }
    }
}
