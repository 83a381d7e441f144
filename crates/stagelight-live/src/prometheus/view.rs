//! Exemplars on a page.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use stagelight_core::{Exemplar, Point, Series, Snapshot};

/// The last exemplar of each bucket, with the time it was recorded.
///
/// An exemplar stays on the page until its bucket gets the next one, so that every server that
/// scrapes the page sees it. Prometheus ignores an exemplar that it already has.
#[derive(Debug, Default)]
pub(super) struct ExemplarView(HashMap<HistogramKey, Vec<(Exemplar, SystemTime)>>);

/// Identifies a histogram: name of the metric, label values.
type HistogramKey = (&'static str, Vec<Arc<str>>);

// === impl ExemplarView ===

impl ExemplarView {
    /// Takes over the exemplars of a snapshot taken at `now`.
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
        let timed = (exemplar, now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
        let of_series = self.0.entry(key(series, position)).or_default();
        match of_series.iter_mut().find(|it| it.0.bucket == exemplar.bucket) {
            Some(found) => *found = timed,
            None => of_series.push(timed),
        }
    }

    /// Returns the exemplars of a histogram.
    pub(super) fn of(&self, series: &Series, position: usize) -> &[(Exemplar, SystemTime)] {
        self.0.get(&key(series, position)).map_or(&[], Vec::as_slice)
    }
}

fn key(series: &Series, position: usize) -> HistogramKey {
    (series.family.metrics[position].name, series.values.clone())
}
