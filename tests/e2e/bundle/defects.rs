//! What is found wrong.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use super::exceptions::EXCEPTIONS;

/// A query that does not show what it is there for.
#[derive(Clone, Debug)]
struct Defect {
    /// Dashboard, panel and refId; or group and rule; or what else it is.
    place: String,
    query: String,
    problem: String,
}

/// Everything found in one look.
#[derive(Debug, Default)]
pub(crate) struct Defects {
    found: RefCell<Vec<Defect>>,
    /// The entries of the list that were asked for, and were not there.
    excused: RefCell<BTreeSet<usize>>,
}

// === impl Defects ===

impl Defects {
    pub(crate) fn add(&self, place: &str, query: &str, problem: impl Into<String>) {
        let (place, query) = (place.to_owned(), query.to_owned());
        self.found.borrow_mut().push(Defect { place, query, problem: problem.into() });
    }

    /// Notes that there are no series of a metric (or of a pattern for one), or none with these labels. Returns whether that is
    /// as listed.
    pub(crate) fn excuse(&self, metric: &str, labels: &BTreeSet<&str>) -> bool {
        let mut listed = EXCEPTIONS.iter().enumerate().filter(|(_, it)| it.metric == metric);
        listed.find(|(_, it)| labels.is_empty() || labels.contains(it.label)).is_some_and(
            |(at, _)| {
                self.excused.borrow_mut().insert(at);
                true
            },
        )
    }

    /// Adds the entries of the list that nothing needed.
    pub(crate) fn add_unused_exceptions(&self) {
        let excused = self.excused.borrow().clone();
        let all = EXCEPTIONS.iter().enumerate();
        for (_, it) in all.filter(|(at, _)| !excused.contains(at)) {
            let problem =
                format!("is there, or not asked for, but listed as absent: {}", it.reason);
            self.add("the list of exceptions", it.metric, problem);
        }
    }

    /// Returns the places at which something is wrong.
    pub(crate) fn places(&self) -> BTreeSet<String> {
        self.found.borrow().iter().map(|it| it.place.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.borrow();
        writeln!(f, "{} queries do not show what they are there for:", found.len())?;
        for Defect { place, query, problem } in found.iter() {
            writeln!(f, "\n{place}\n  {query}\n  {problem}")?;
        }
        Ok(())
    }
}
