//! Histograms with base-2 exponential buckets.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint,
    exponential_histogram_data_point::Buckets, metric::Data,
};
use stagelight_core::{Histogram, SCALE, Series, Snapshot, catalog::Family};

use super::data_point::{Period, attributes, exemplar};

/// Maximum number of buckets of a data point, including empty ones between others. OpenTelemetry's
/// default.
const MAX_BUCKETS: usize = 160;

/// Encodes a histogram that has fine buckets; returns `None` for others.
pub(super) fn histograms(
    snapshot: &Snapshot,
    family: &'static Family,
    position: usize,
    period: Period,
) -> Option<Data> {
    let recorded = snapshot.of(family).filter_map(|series| {
        let histogram = series.points.get(position)?.histogram()?;
        point(series, histogram, period)
    });
    let data_points: Vec<_> = recorded.collect();
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let histogram = ExponentialHistogram { data_points, aggregation_temporality };
    (!histogram.data_points.is_empty()).then_some(Data::ExponentialHistogram(histogram))
}

fn point(
    series: &Series,
    histogram: &Histogram,
    period: Period,
) -> Option<ExponentialHistogramDataPoint> {
    let (scale, positive) = buckets(histogram.exponential_counts().collect())?;
    Some(ExponentialHistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: period.start,
        time_unix_nano: period.end,
        // Not `histogram.count()`: a value being recorded concurrently may be in one and not yet in
        // the other, and receivers reject a count that differs from the sum of the buckets.
        count: positive.bucket_counts.iter().sum(),
        sum: Some(histogram.sum()),
        scale,
        // There are no zeros: a duration of zero is recorded as 1 ns.
        zero_count: 0,
        zero_threshold: 0.0,
        positive: Some(positive),
        negative: None,
        flags: 0,
        exemplars: histogram.exemplars().iter().map(|it| exemplar(it, period)).collect(),
        min: None,
        max: None,
    })
}

/// Returns contiguous buckets at the finest scale with at most [`MAX_BUCKETS`], or `None` without
/// counts.
fn buckets(mut counts: BTreeMap<i32, u64>) -> Option<(i32, Buckets)> {
    let mut scale = SCALE;
    loop {
        let (&first, _) = counts.first_key_value()?;
        let (&last, _) = counts.last_key_value()?;
        let len = usize::try_from(last - first).ok()? + 1;
        if len <= MAX_BUCKETS {
            let at = |offset| counts.get(&(first + offset)).copied().unwrap_or(0);
            let bucket_counts = (0..).map(at).take(len).collect();
            return Some((scale, Buckets { offset: first, bucket_counts }));
        }
        // Two neighbouring buckets are one bucket at the next lower scale.
        counts = counts.into_iter().fold(BTreeMap::new(), |mut merged, (index, count)| {
            *merged.entry(index >> 1).or_default() += count;
            merged
        });
        scale -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(scale: i32, index: i32) -> (f64, f64) {
        let base = 2_f64.powf(2_f64.powi(-scale));
        (base.powi(index), base.powi(index + 1))
    }

    #[test]
    fn no_values_give_no_buckets() {
        assert_eq!(buckets(BTreeMap::new()), None);
    }

    #[test]
    fn a_narrow_range_keeps_the_finest_scale() {
        let (scale, it) = buckets(BTreeMap::from([(-3, 1), (0, 2), (156, 4)])).unwrap();
        assert_eq!((scale, it.offset, it.bucket_counts.len()), (SCALE, -3, 160));
        assert_eq!((it.bucket_counts[0], it.bucket_counts[3], it.bucket_counts[159]), (1, 2, 4));
    }

    proptest! {
        #[test]
        fn merged_buckets_contain_every_value_within_their_bounds(
            counts in prop::collection::btree_map(-700_i32..400, 1_u64..1000, 1..40),
        ) {
            let (scale, merged) = buckets(counts.clone()).unwrap();
            prop_assert!(merged.bucket_counts.len() <= MAX_BUCKETS);
            prop_assert_eq!(merged.bucket_counts.iter().sum::<u64>(), counts.values().sum::<u64>());
            for (at, &count) in merged.bucket_counts.iter().enumerate() {
                let (lower, upper) = bounds(scale, merged.offset + i32::try_from(at).unwrap());
                let within = counts.iter().filter(|(index, _)| {
                    let (from, to) = bounds(SCALE, **index);
                    lower * (1.0 - 1e-9) <= from && to <= upper * (1.0 + 1e-9)
                });
                prop_assert_eq!(within.map(|it| it.1).sum::<u64>(), count);
            }
        }

        #[test]
        fn the_scale_is_the_finest_possible(first in -700_i32..0, last in 0_i32..400) {
            let (scale, _) = buckets(BTreeMap::from([(first, 1), (last, 1)])).unwrap();
            let len = |scale: i32| (last >> (SCALE - scale)) - (first >> (SCALE - scale)) + 1;
            prop_assert!(len(scale) <= 160);
            prop_assert!(scale == SCALE || 160 < len(scale + 1));
        }
    }
}
