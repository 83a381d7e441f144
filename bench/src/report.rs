//! The report.

mod readme;
mod table;

use serde::Serialize;

use crate::{
    budget::Budget,
    machine::{Machine, Version},
    measure::{Recorded, Served},
};

pub use readme::update as update_readme;

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub command: String,
    pub machine: Machine,
    pub versions: Vec<Version>,
    /// valgrind's version; `None` if it is not installed.
    pub valgrind: Option<String>,
    pub budgets: Vec<Budget>,
    pub recording: Vec<Recorded>,
    pub http: Vec<Served>,
}
