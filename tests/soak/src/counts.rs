//! Counts of the clients' observations.

use std::collections::BTreeMap;

use crate::{
    client::Unexpected,
    shape::{Attributes, Observation, REQUEST_KINDS, RequestKind},
};

/// Number of unexpected observations that are kept as text.
const SHOWN: usize = 20;

/// The number of each observation for each kind of request.
#[derive(Debug, Default)]
pub(crate) struct ClientCounts {
    observed: BTreeMap<(usize, Observation), u64>,
    /// The first unexpected observations.
    unexpected: Vec<String>,
    unexpected_count: u64,
}

// === impl ClientCounts ===

impl ClientCounts {
    pub(crate) fn add(&mut self, kind: usize, observed: Result<Observation, Unexpected>) {
        let RequestKind { name, .. } = REQUEST_KINDS[kind];
        match observed {
            Ok(observation) => {
                if expected_attributes(&REQUEST_KINDS[kind], observation).is_none() {
                    self.add_unexpected(format!("{name}: {observation:?}"));
                }
                *self.observed.entry((kind, observation)).or_default() += 1;
            }
            Err(Unexpected(what)) => self.add_unexpected(format!("{name}: {what}")),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (key, count) in other.observed {
            *self.observed.entry(key).or_default() += count;
        }
        self.unexpected_count += other.unexpected_count;
        self.unexpected.extend(other.unexpected);
        self.unexpected.truncate(SHOWN);
    }

    pub(crate) fn unexpected_count(&self) -> u64 {
        self.unexpected_count
    }

    pub(crate) fn unexpected(&self) -> &[String] {
        &self.unexpected
    }

    /// Returns the number of each observation by kind of request.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static RequestKind, Observation, u64)> {
        let row = |(&(kind, observation), &count): (&(usize, Observation), &u64)| {
            (&REQUEST_KINDS[kind], observation, count)
        };
        self.observed.iter().map(row)
    }

    /// Returns the number of requests that the service must have counted, by their attributes.
    pub(crate) fn expected(&self) -> BTreeMap<Attributes, u64> {
        let mut expected = BTreeMap::new();
        for (kind, observation, count) in self.rows() {
            if let Some(Some(attributes)) = expected_attributes(kind, observation) {
                *expected.entry(attributes).or_default() += count;
            }
        }
        expected
    }

    /// Returns the number of requests whose kind and observation match.
    pub(crate) fn count(&self, matches: impl Fn(&RequestKind, Observation) -> bool) -> u64 {
        self.rows().filter(|it| matches(it.0, it.1)).map(|it| it.2).sum()
    }

    fn add_unexpected(&mut self, what: String) {
        self.unexpected_count += 1;
        if self.unexpected.len() < SHOWN {
            self.unexpected.push(what);
        }
    }
}

/// Returns the attributes with which an observed request is counted: `Some(None)` if the service
/// did not get the request, `None` if the observation is unexpected.
fn expected_attributes(kind: &RequestKind, observation: Observation) -> Option<Option<Attributes>> {
    kind.counts.iter().find(|it| it.0 == observation).map(|it| it.1)
}
