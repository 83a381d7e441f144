//! From a snapshot to the document.

use std::{collections::BTreeMap, time::Duration};

use stagelight_core::{
    Histogram, Nanos, Outcome, Point, Series, Snapshot,
    catalog::{self, Label},
    stage::{Group, UNATTRIBUTED},
};

use super::document::{Breakdown, Endpoint, Stage, Summary};

/// Positions in [`catalog::STAGE`].
const DURATION: usize = 0;
const SHARE: usize = 1;
const BUSY: usize = 2;

/// What the snapshot holds of one endpoint.
#[derive(Default)]
struct Parts<'a> {
    /// Histograms of whole requests, by outcome.
    requests: Vec<(&'a str, &'a Histogram)>,
    stages: BTreeMap<(Group, &'a str), &'a Series>,
    unattributed: Nanos,
    /// By stage, summed over the types of error.
    errors: BTreeMap<&'a str, u64>,
}

// === impl Breakdown ===

impl Breakdown {
    /// Tells where the time of each endpoint in `snapshot` went.
    ///
    /// `measured` is how long it took to gather. `group_of` tells the group of a stage; with an engine at hand it is
    /// [`Engine::group_of`](stagelight_core::Engine::group_of), without one [`Group::of_well_known`]. An endpoint is
    /// there once a request or a stage of it has ended.
    #[must_use]
    pub fn of(snapshot: &Snapshot, measured: Duration, group_of: impl Fn(&str) -> Group) -> Self {
        let endpoints = gather(snapshot, group_of).into_iter();
        let endpoints = endpoints.map(|(name, parts)| parts.endpoint(name)).collect();
        Self { duration: measured.into(), endpoints }
    }
}

fn gather(snapshot: &Snapshot, group_of: impl Fn(&str) -> Group) -> BTreeMap<&str, Parts<'_>> {
    let mut endpoints: BTreeMap<&str, Parts<'_>> = BTreeMap::new();
    for series in snapshot.of(&catalog::REQUEST) {
        let Some(histogram) = recorded(series, 0) else { continue };
        let parts = endpoints.entry(series.value(Label::Endpoint)).or_default();
        parts.requests.push((series.value(Label::Outcome), histogram));
    }
    for series in snapshot.of(&catalog::STAGE) {
        if series.metrics().next().is_none() {
            continue;
        }
        let parts = endpoints.entry(series.value(Label::Endpoint)).or_default();
        let stage = series.value(Label::Stage);
        if stage == UNATTRIBUTED {
            parts.unattributed = sum(series, SHARE);
        } else {
            parts.stages.insert((group_of(stage), stage), series);
        }
    }
    for series in snapshot.of(&catalog::STAGE_ERRORS) {
        // An error is counted when its stage ends, so that the endpoint is there already.
        let Some(parts) = endpoints.get_mut(series.value(Label::Endpoint)) else { continue };
        let Some(Point::Counter(errors)) = series.points.first() else { continue };
        *parts.errors.entry(series.value(Label::Stage)).or_default() += errors;
    }
    endpoints
}

fn recorded(series: &Series, position: usize) -> Option<&Histogram> {
    series.histogram(position).filter(|it| 0 < it.count())
}

fn sum(series: &Series, position: usize) -> Nanos {
    Nanos::new(series.histogram(position).map_or(0, Histogram::recorded_sum))
}

// === impl Parts ===

impl Parts<'_> {
    fn endpoint(&self, name: &str) -> Endpoint {
        let mut outcomes: BTreeMap<String, u64> =
            Outcome::ALL.iter().map(|it| (it.as_str().to_owned(), 0)).collect();
        let mut all: Option<Histogram> = None;
        for (outcome, histogram) in &self.requests {
            *outcomes.entry((*outcome).to_owned()).or_default() += histogram.count();
            match &mut all {
                Some(all) => all.add(histogram),
                None => all = Some((*histogram).clone()),
            }
        }
        let duration = all.as_ref().map(Summary::of).unwrap_or_default();
        Endpoint {
            endpoint: name.to_owned(),
            requests: duration.count,
            outcomes,
            duration,
            unattributed: self.unattributed,
            stages: self.stages(duration.sum),
        }
    }

    /// Returns the stages of requests that took `total` in all.
    fn stages(&self, total: Nanos) -> Vec<Stage> {
        let stages = self.stages.iter().map(|(&(group, stage), series)| {
            let duration = recorded(series, DURATION).map(Summary::of).unwrap_or_default();
            let share = sum(series, SHARE);
            Stage {
                stage: stage.to_owned(),
                group: group.as_str().to_owned(),
                count: duration.count,
                errors: self.errors.get(stage).copied().unwrap_or(0),
                duration,
                share,
                share_percent: percent(share, total),
                busy: sum(series, BUSY),
            }
        });
        stages.collect()
    }
}

/// Returns `part` of `total` in percent, 0 of nothing.
pub(super) fn percent(part: Nanos, total: Nanos) -> f64 {
    if total == Nanos::default() { 0.0 } else { 100.0 * part.as_secs_f64() / total.as_secs_f64() }
}

// === impl Summary ===

impl Summary {
    fn of(histogram: &Histogram) -> Self {
        Self {
            count: histogram.count(),
            sum: Nanos::new(histogram.recorded_sum()),
            p50: histogram.quantile(0.50),
            p95: histogram.quantile(0.95),
            p99: histogram.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests;
