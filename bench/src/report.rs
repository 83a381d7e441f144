//! What the command says.

mod readme;
mod table;

use serde::Serialize;

use crate::{
    budget::Budget,
    machine::{Machine, Version},
    measure::{Recorded, Served},
};

pub use readme::update as update_readme;

/// Everything that was measured in one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub command: String,
    pub machine: Machine,
    pub versions: Vec<Version>,
    /// Nothing where valgrind is not installed.
    pub valgrind: Option<String>,
    pub budgets: Vec<Budget>,
    pub recording: Vec<Recorded>,
    pub http: Vec<Served>,
}
