//! `stage.percentage`: where each endpoint's time went between two readings.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    catalog::{self, Label},
    snapshot::{Point, Series, Snapshot},
    stage::{Group, UNATTRIBUTED},
};

/// Keeps what a reader saw last, and computes `stage.percentage` from the difference.
///
/// Each reader has one of its own, so that readers with different intervals do not disturb each other.
#[derive(Debug, Default)]
pub struct Percentages {
    seen: HashMap<(Arc<str>, Arc<str>), u64>,
    shown: BTreeMap<Arc<str>, BTreeMap<&'static str, f64>>,
}

// === impl Percentages ===

impl Percentages {
    /// Makes a reader that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the series of `stage.percentage` to `snapshot`, for the time since the last call.
    ///
    /// For each endpoint the values of the three groups, `unattributed` and, where such stages exist, `other` sum to 100. An endpoint in
    /// which no request ended since the last call keeps its values. `group_of` tells the group of a stage.
    pub fn add_to(&mut self, snapshot: &mut Snapshot, group_of: impl Fn(&str) -> Group) {
        let mut grown: BTreeMap<Arc<str>, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for series in snapshot.of(&catalog::STAGE) {
            let [stage, endpoint] = series.values.as_slice() else { continue };
            let Some(share) = series.histogram(catalog::STAGE_SHARE) else { continue };
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
        let at = snapshot.series.partition_point(|it| it.family.index <= catalog::PERCENTAGE.index);
        snapshot.series.splice(
            at..at,
            self.shown.iter().flat_map(|(endpoint, parts)| gauges(endpoint, parts)),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
fn percent(parts: &BTreeMap<&'static str, u64>, total: u64) -> BTreeMap<&'static str, f64> {
    // The contract's three groups and `unattributed` are always there, so that stacked graphs have no holes.
    let always = Group::ALL.iter().filter(|&&it| it != Group::Other).map(|it| it.as_str());
    let mut percent: BTreeMap<_, _> =
        always.chain([UNATTRIBUTED]).map(|part| (part, 0.0)).collect();
    for (part, time) in parts {
        percent.insert(part, *time as f64 / total as f64 * 100.0);
    }
    percent
}

fn gauges<'a>(
    endpoint: &'a Arc<str>,
    parts: &'a BTreeMap<&'static str, f64>,
) -> impl Iterator<Item = Series> + 'a {
    debug_assert_eq!(catalog::PERCENTAGE.labels, [Label::Stage, Label::Endpoint]);
    parts.iter().map(|(&part, &percent)| Series {
        family: &catalog::PERCENTAGE,
        values: vec![part.into(), Arc::clone(endpoint)],
        points: vec![Point::Gauge(percent)],
    })
}
