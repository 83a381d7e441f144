//! Computes the document from a snapshot.

use std::collections::BTreeMap;

use stagelight_core::{
    Histogram, Nanos, Outcome, Point, Series, Snapshot,
    catalog::{self, MetricId, TypedFamily, labels},
    stage::{Group, UNATTRIBUTED},
};

use super::endpoint::{Endpoint, Stage, Summary, percent};

/// The series of one endpoint.
#[derive(Default)]
struct EndpointSeries<'a> {
    /// Histograms of whole requests, by outcome.
    requests: Vec<(&'a str, &'a Histogram)>,
    stages: BTreeMap<(Group, &'a str), &'a Series>,
    unattributed: Nanos,
    /// Number of errors by stage, summed over `error.type`.
    errors: BTreeMap<&'a str, u64>,
}

/// Returns the endpoints of `snapshot`, by name.
pub(super) fn endpoints(snapshot: &Snapshot, group_of: impl Fn(&str) -> Group) -> Vec<Endpoint> {
    let endpoints = series_by_endpoint(snapshot, group_of).into_iter();
    endpoints.map(|(name, series)| series.endpoint(name)).collect()
}

fn series_by_endpoint(
    snapshot: &Snapshot,
    group_of: impl Fn(&str) -> Group,
) -> BTreeMap<&str, EndpointSeries<'_>> {
    let mut endpoints: BTreeMap<&str, EndpointSeries<'_>> = BTreeMap::new();
    for series in snapshot.of(&catalog::REQUEST) {
        let Some(histogram) = recorded(series, catalog::REQUEST_DURATION) else { continue };
        let endpoint = endpoints.entry(series.value(labels::Endpoint::LABEL)).or_default();
        endpoint.requests.push((series.value(Outcome::LABEL), histogram));
    }
    for series in snapshot.of(&catalog::STAGE) {
        if series.metrics().next().is_none() {
            continue;
        }
        let endpoint = endpoints.entry(series.value(labels::Endpoint::LABEL)).or_default();
        let stage = series.value(labels::Stage::LABEL);
        if stage == UNATTRIBUTED {
            endpoint.unattributed = sum(series, catalog::REQUEST_STAGE_SHARE);
        } else {
            endpoint.stages.insert((group_of(stage), stage), series);
        }
    }
    for series in snapshot.of(&catalog::STAGE_ERRORS) {
        // An error is counted when its stage ends, so its endpoint exists by now.
        let Some(endpoint) = endpoints.get_mut(series.value(labels::Endpoint::LABEL)) else {
            continue;
        };
        let Some(Point::Counter(errors)) = series.points.first() else { continue };
        *endpoint.errors.entry(series.value(labels::Stage::LABEL)).or_default() += errors;
    }
    endpoints
}

fn recorded<F: TypedFamily>(series: &Series, metric: MetricId<F>) -> Option<&Histogram> {
    series.histogram(metric).filter(|it| 0 < it.count())
}

fn sum<F: TypedFamily>(series: &Series, metric: MetricId<F>) -> Nanos {
    Nanos::new(series.histogram(metric).map_or(0, Histogram::recorded_sum))
}

// === impl EndpointSeries ===

impl EndpointSeries<'_> {
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
        let duration = all.as_ref().map(Summary::from_histogram).unwrap_or_default();
        Endpoint {
            endpoint: name.to_owned(),
            requests: duration.count,
            outcomes,
            duration,
            unattributed: self.unattributed,
            stages: self.stages(duration.sum),
        }
    }

    /// Returns the stages, with shares relative to the requests' `total` duration.
    fn stages(&self, total: Nanos) -> Vec<Stage> {
        let stages = self.stages.iter().map(|(&(group, stage), series)| {
            let duration = recorded(series, catalog::REQUEST_STAGE_DURATION)
                .map(Summary::from_histogram)
                .unwrap_or_default();
            let share = sum(series, catalog::REQUEST_STAGE_SHARE);
            Stage {
                stage: stage.to_owned(),
                group: group.as_str().to_owned(),
                count: duration.count,
                errors: self.errors.get(stage).copied().unwrap_or(0),
                duration,
                share,
                share_percent: percent(share, total),
                busy: sum(series, catalog::REQUEST_STAGE_BUSY),
            }
        });
        stages.collect()
    }
}

#[cfg(test)]
mod tests;
