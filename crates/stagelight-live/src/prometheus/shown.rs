//! The exemplars that a page shows.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use stagelight_core::{Exemplar, Point, Series, Snapshot};

/// The last exemplar of each bucket, and when it was recorded.
///
/// Each is shown until the next, not once: a second server that scrapes the page is to see exemplars, too. Prometheus
/// takes one that it has already for what it is.
#[derive(Debug, Default)]
pub(super) struct Shown(HashMap<Place, Vec<(Exemplar, SystemTime)>>);

/// A histogram: its family and position in it, and its attributes' values.
type Place = (usize, usize, Vec<Arc<str>>);

// === impl Shown ===

impl Shown {
    /// Takes over the exemplars that a snapshot of this moment has.
    pub(super) fn update(&mut self, snapshot: &Snapshot, now: SystemTime) {
        for series in &snapshot.series {
            for (position, point) in series.points.iter().enumerate() {
                let Point::Histogram(histogram) = point else { continue };
                for exemplar in histogram.exemplars() {
                    self.put(series, position, *exemplar, now);
                }
            }
        }
    }

    fn put(&mut self, series: &Series, position: usize, exemplar: Exemplar, now: SystemTime) {
        let age = Duration::from(exemplar.age);
        let shown = (exemplar, now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
        let of_series = self.0.entry(place(series, position)).or_default();
        match of_series.iter_mut().find(|it| it.0.bucket == exemplar.bucket) {
            Some(place) => *place = shown,
            None => of_series.push(shown),
        }
    }

    /// Returns the exemplars of a histogram.
    pub(super) fn of(&self, series: &Series, position: usize) -> &[(Exemplar, SystemTime)] {
        self.0.get(&place(series, position)).map_or(&[], Vec::as_slice)
    }
}

fn place(series: &Series, position: usize) -> Place {
    (series.family.index, position, series.values.clone())
}
