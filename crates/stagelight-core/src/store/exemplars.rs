//! Chooses exemplars: one value per bucket, interval and reader, by reservoir sampling.
//!
//! Reservoirs stand beside the cells, so that recording an unsampled request does not touch them.

use rustc_hash::FxHashMap;

use crate::{
    exemplar::TraceRef,
    random::Random,
    store::SeriesKey,
    sync::atomic::{
        AtomicU8, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

/// The most readers of exemplars.
pub(crate) const MAX_READERS: usize = 4;

/// The exemplars that a reader collected, by the family's number and series.
pub(crate) type Collected = FxHashMap<(usize, SeriesKey), Vec<(BucketRef, SampledValue)>>;

/// The current interval of each reader.
#[derive(Debug)]
pub(crate) struct Intervals {
    /// One bit per reader.
    readers: AtomicU8,
    /// From 1, so that a reservoir of interval 0 is empty.
    current: [AtomicU64; MAX_READERS],
}

/// A bucket of a metric, both by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BucketRef {
    pub(crate) metric: usize,
    pub(crate) bucket: usize,
}

/// A kept value, in the recorded unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampledValue {
    pub(crate) value: u64,
    pub(crate) trace: TraceRef,
    /// How many values it was chosen from.
    seen: u64,
}

/// The reservoirs of one shard: about 370 bytes per bucket with a recent value of a sampled
/// request.
#[derive(Debug, Default)]
pub(crate) struct Reservoirs(FxHashMap<(usize, SeriesKey, BucketRef), [Reservoir; MAX_READERS]>);

/// The value kept for one reader.
#[derive(Clone, Copy, Debug, Default)]
struct Reservoir {
    interval: u64,
    sample: Option<SampledValue>,
}

// === impl Intervals ===

impl Intervals {
    pub(super) fn new() -> Self {
        Self { readers: AtomicU8::new(0), current: std::array::from_fn(|_| AtomicU64::new(1)) }
    }

    /// Adds a reader and returns its number; `None` if there are too many.
    pub(crate) fn join(&self) -> Option<usize> {
        let free = |readers: u8| (0..MAX_READERS).find(|it| readers & 1 << it == 0);
        let joined =
            self.readers.fetch_update(AcqRel, Acquire, |it| free(it).map(|free| it | 1 << free));
        let number = free(joined.ok()?)?;
        // Values kept for the number's previous reader are not for this one.
        self.current[number].fetch_add(1, Relaxed);
        Some(number)
    }

    pub(crate) fn leave(&self, number: usize) {
        self.readers.fetch_and(!(1 << number), AcqRel);
    }

    /// Starts a reader's next interval, and returns the number of the one that ends.
    pub(super) fn next(&self, reader: usize) -> u64 {
        self.current[reader].fetch_add(1, Relaxed)
    }

    fn current(&self) -> [Option<u64>; MAX_READERS] {
        let readers = self.readers.load(Acquire);
        std::array::from_fn(|it| (readers & 1 << it != 0).then(|| self.current[it].load(Relaxed)))
    }

    pub(super) fn has_readers(&self) -> bool {
        self.readers.load(Relaxed) != 0
    }
}

// === impl Reservoirs ===

impl Reservoirs {
    /// Offers a value to all readers, and returns whether one keeps it. Each keeps the `n`th value
    /// of a bucket with a probability of 1 in `n`.
    ///
    /// Call it with the shard locked: if a reader ends its interval meanwhile, it waits for the
    /// lock.
    pub(super) fn offer(
        &mut self,
        series: (usize, SeriesKey),
        bucket: BucketRef,
        (value, trace): (u64, TraceRef),
        intervals: &Intervals,
        random: &mut Random,
    ) -> bool {
        let reservoirs = self.0.entry((series.0, series.1, bucket)).or_default();
        let mut is_kept = false;
        for (reservoir, interval) in reservoirs.iter_mut().zip(intervals.current()) {
            let Some(interval) = interval else { continue };
            if reservoir.interval != interval {
                *reservoir = Reservoir { interval, sample: None };
            }
            let seen = reservoir.sample.map_or(0, |it| it.seen) + 1;
            match &mut reservoir.sample {
                Some(sample) if random.below(seen) != 0 => sample.seen = seen,
                sample => {
                    *sample = Some(SampledValue { value, trace, seen });
                    is_kept = true;
                }
            }
        }
        is_kept
    }

    /// Collects the values kept for a reader in an interval that has ended, and removes reservoirs
    /// without a current interval.
    pub(super) fn collect(
        &mut self,
        (reader, interval): (usize, u64),
        collected: &mut Collected,
        intervals: &Intervals,
        random: &mut Random,
    ) {
        let current = intervals.current();
        self.0.retain(|&(family, series, bucket), reservoirs| {
            if reservoirs[reader].interval == interval
                && let Some(sample) = reservoirs[reader].sample.take()
            {
                add(collected.entry((family, series)).or_default(), bucket, sample, random);
            }
            reservoirs.iter().zip(current).any(|(it, interval)| Some(it.interval) == interval)
        });
    }
}

/// Merges the value of another shard: one of two is chosen in proportion to the values that each
/// was chosen from.
fn add(
    samples: &mut Vec<(BucketRef, SampledValue)>,
    bucket: BucketRef,
    sample: SampledValue,
    random: &mut Random,
) {
    let Some((_, mine)) = samples.iter_mut().find(|it| it.0 == bucket) else {
        samples.push((bucket, sample));
        return;
    };
    let seen = mine.seen + sample.seen;
    if random.below(seen) < sample.seen {
        *mine = sample;
    }
    mine.seen = seen;
}

#[cfg(test)]
mod tests;
