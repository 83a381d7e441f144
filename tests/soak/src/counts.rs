//! What the clients saw, counted.

use std::collections::BTreeMap;

use crate::{
    client::Surprise,
    shape::{Counted, SHAPES, Shape, Sight},
};

/// How many surprises are kept to be shown.
const SHOWN: usize = 20;

/// How often each thing was seen of each kind of requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seen: BTreeMap<(usize, Sight), u64>,
    /// What should not have been seen, the first of them in words.
    surprises: Vec<String>,
    surprised: u64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn add(&mut self, shape: usize, seen: Result<Sight, Surprise>) {
        let kind = &SHAPES[shape];
        match seen {
            Ok(sight) => {
                if counted(kind, sight).is_none() {
                    self.surprise(format!("{}: {sight:?}", kind.name));
                }
                *self.seen.entry((shape, sight)).or_default() += 1;
            }
            Err(Surprise(what)) => self.surprise(format!("{}: {what}", kind.name)),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (key, count) in other.seen {
            *self.seen.entry(key).or_default() += count;
        }
        self.surprised += other.surprised;
        self.surprises.extend(other.surprises);
        self.surprises.truncate(SHOWN);
    }

    pub(crate) fn surprised(&self) -> u64 {
        self.surprised
    }

    pub(crate) fn surprises(&self) -> &[String] {
        &self.surprises
    }

    /// Returns how often each thing was seen, by the kind of request.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Shape, Sight, u64)> {
        self.seen.iter().map(|(&(shape, sight), &count)| (&SHAPES[shape], sight, count))
    }

    /// Returns how many requests the service must have counted, by their attributes.
    pub(crate) fn expected(&self) -> BTreeMap<Counted, u64> {
        let mut expected = BTreeMap::new();
        for (shape, sight, count) in self.rows() {
            if let Some(Some(counted)) = counted(shape, sight) {
                *expected.entry(counted).or_default() += count;
            }
        }
        expected
    }

    /// Returns how many requests of the kinds that `fits` were seen as `sight`.
    pub(crate) fn count(&self, fits: impl Fn(&Shape, Sight) -> bool) -> u64 {
        self.rows().filter(|it| fits(it.0, it.1)).map(|it| it.2).sum()
    }

    fn surprise(&mut self, what: String) {
        self.surprised += 1;
        if self.surprises.len() < SHOWN {
            self.surprises.push(what);
        }
    }
}

/// Returns what a request counts as when a client saw this of it: nothing if the service did not get it. `None` if no client should.
fn counted(shape: &Shape, sight: Sight) -> Option<Option<Counted>> {
    shape.counts.iter().find(|it| it.0 == sight).map(|it| it.1)
}
