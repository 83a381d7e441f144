//! What is found wrong, and what is known to be empty for a reason.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use super::exceptions::EXCEPTIONS;

/// A query that does not show what it is there for.
#[derive(Clone, Debug)]
pub(crate) struct Defect {
    /// Dashboard, panel and refId; or group and rule; or what else it is.
    pub(crate) place: String,
    pub(crate) query: String,
    pub(crate) problem: String,
}

/// Everything found in one look.
#[derive(Debug, Default)]
pub(crate) struct Defects {
    found: RefCell<Vec<Defect>>,
    excused: RefCell<BTreeSet<&'static str>>,
}

// === impl Defects ===

impl Defects {
    pub(crate) fn add(&self, place: &str, query: &str, problem: impl Into<String>) {
        let (place, query) = (place.to_owned(), query.to_owned());
        self.found.borrow_mut().push(Defect { place, query, problem: problem.into() });
    }

    /// Notes whether a query gave something, which it has to unless it is listed, and then must not.
    ///
    /// Returns whether it did.
    pub(crate) fn note(&self, place: &str, query: &str, problem: Option<String>) -> bool {
        let excuse = EXCEPTIONS.iter().find(|it| it.place == place);
        let gave = problem.is_none();
        match (problem, excuse) {
            (None, None) => {}
            (None, Some(it)) => {
                let problem = format!("gives data, but is listed as empty: {}", it.reason);
                self.add(place, query, problem);
            }
            (Some(_), Some(it)) => drop(self.excused.borrow_mut().insert(it.place)),
            (Some(problem), None) => self.add(place, query, problem),
        }
        gave
    }

    /// Adds the entries of the list that nothing needed.
    pub(crate) fn add_unused_exceptions(&self) {
        let excused = self.excused.borrow().clone();
        let noted: BTreeSet<_> = self.found.borrow().iter().map(|it| it.place.clone()).collect();
        for it in EXCEPTIONS {
            if !excused.contains(it.place) && !noted.contains(it.place) {
                self.add(it.place, "", "is listed as empty, but there is no such query");
            }
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
