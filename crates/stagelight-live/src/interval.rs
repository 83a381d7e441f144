//! What was recorded between two snapshots.

use std::{collections::HashMap, sync::Arc};

use stagelight_core::{Point, Series, Snapshot};

/// A series' place: its family's index and its attribute values.
type Key<'a> = (usize, &'a [Arc<str>]);

/// Returns `later` less what `earlier` held already: what was recorded in between.
///
/// Histograms and counters are subtracted; up-down counters and gauges keep their later value, which is what
/// holds at the end of the interval. Series that `earlier` does not have are taken whole. Both must be of the same
/// engine.
#[must_use]
pub fn since(later: &Snapshot, earlier: &Snapshot) -> Snapshot {
    let before: HashMap<Key<'_>, &Series> = earlier.series.iter().map(|it| (key(it), it)).collect();
    let series = later.series.iter().map(|now| match before.get(&key(now)) {
        Some(then) => difference(now, then),
        None => now.clone(),
    });
    Snapshot { series: series.collect() }
}

fn key(series: &Series) -> Key<'_> {
    (series.family.index, &series.values)
}

fn difference(now: &Series, then: &Series) -> Series {
    let points = now.points.iter().zip(&then.points).map(|(now, then)| match (now, then) {
        (Point::Histogram(now), Point::Histogram(then)) => Point::Histogram(now.since(then)),
        (Point::Counter(now), Point::Counter(then)) => Point::Counter(now.saturating_sub(*then)),
        _ => now.clone(),
    });
    Series { family: now.family, values: now.values.clone(), points: points.collect() }
}
