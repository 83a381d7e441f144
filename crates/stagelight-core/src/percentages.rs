//! `stage.percentage`: the time of each endpoint by group of stages, between two snapshots.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    catalog::{
        self, Family, PercentageFamily,
        labels::{Endpoint, Stage},
    },
    snapshot::{Point, Series, Snapshot},
    stage::{Group, UNATTRIBUTED},
};

/// Computes `stage.percentage` from the difference of two snapshots.
///
/// Each reader has one of its own, so that readers can have different intervals.
#[derive(Debug, Default)]
pub struct Percentages {
    seen: HashMap<(Arc<str>, Arc<str>), u64>,
    shown: BTreeMap<Arc<str>, BTreeMap<&'static str, f64>>,
}

// === impl Percentages ===

impl Percentages {
    /// Creates one that has seen no snapshot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the series of `stage.percentage` to `snapshot`, for the time since the last call.
    ///
    /// The values of an endpoint add up to 100. There is always one for each of the three groups
    /// and for `unattributed`; one for `other` if there is such a stage. An endpoint without a
    /// request since the last call keeps its values. `group_of` returns the group of a stage.
    pub fn add_to(&mut self, snapshot: &mut Snapshot, group_of: impl Fn(&str) -> Group) {
        let mut grown: BTreeMap<Arc<str>, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for series in snapshot.of(&catalog::STAGE) {
            let [stage, endpoint] = series.values.as_slice() else { continue };
            let Some(share) = series.histogram(catalog::REQUEST_STAGE_SHARE) else { continue };
            let key = (Arc::clone(stage), Arc::clone(endpoint));
            let before = self.seen.insert(key, share.recorded_sum()).unwrap_or(0);
            let part =
                if &**stage == UNATTRIBUTED { UNATTRIBUTED } else { group_of(stage).as_str() };
            *grown.entry(Arc::clone(endpoint)).or_default().entry(part).or_default() +=
                share.recorded_sum().wrapping_sub(before);
        }
        for (endpoint, parts) in grown {
            let total: u64 = parts.values().sum();
            if 0 < total {
                self.shown.insert(endpoint, percent(&parts, total));
            }
        }
        // In the catalogue's order, where the store has no series of it.
        let order = |family: &Family| catalog::ALL.iter().position(|it| *it == family);
        let own = order(&catalog::PERCENTAGE);
        let at = snapshot
            .series
            .iter()
            .position(|it| order(it.family).is_none_or(|it| own < Some(it)))
            .unwrap_or(snapshot.series.len());
        snapshot.series.splice(
            at..at,
            self.shown.iter().flat_map(|(endpoint, parts)| series(endpoint, parts)),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
fn percent(parts: &BTreeMap<&'static str, u64>, total: u64) -> BTreeMap<&'static str, f64> {
    // Always all of them, so that stacked graphs have no holes.
    let always = Group::ALL.iter().filter(|&&it| it != Group::Other).map(|it| it.as_str());
    let mut percent: BTreeMap<_, _> =
        always.chain([UNATTRIBUTED]).map(|part| (part, 0.0)).collect();
    for (part, time) in parts {
        percent.insert(part, *time as f64 / total as f64 * 100.0);
    }
    percent
}

fn series(endpoint: &str, parts: &BTreeMap<&'static str, f64>) -> impl Iterator<Item = Series> {
    parts.iter().map(move |(&part, &percent)| {
        let labels = (Stage::new(part), Endpoint::new(endpoint));
        let point = (catalog::STAGE_PERCENTAGE, Point::Gauge(percent));
        Series::new::<PercentageFamily>(labels, [point])
    })
}
