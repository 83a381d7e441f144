//! Time per endpoint and stage: a JSON document, and a table for a terminal.
//!
//! [`Breakdown::from_snapshot`] computes it from a snapshot. Of the difference of two snapshots
//! ([`Snapshot::since`]) it describes that interval.
//!
//! ```
//! use std::time::Duration;
//! use stagelight_core::{Engine, Outcome, catalog};
//! use stagelight_live::breakdown::Breakdown;
//!
//! let engine = Engine::new();
//! engine.start_request("/v1/jobs").end(Outcome::Ok);
//!
//! let measured = Duration::from_secs(1);
//! let breakdown =
//!     Breakdown::from_snapshot(&engine.snapshot(), measured, |it| engine.group_of(it));
//! let jobs = &breakdown.endpoints[0];
//! assert_eq!((jobs.endpoint.as_str(), jobs.requests), ("/v1/jobs", 1));
//! assert!(breakdown.to_table().starts_with("/v1/jobs  1 request"));
//! ```
//!
//! # Sums
//!
//! For each endpoint, the stages' shares plus `unattributed` equal the requests' duration, to the
//! nanosecond: times are whole nanoseconds ([`Nanos`]) until they are written as seconds. The sums
//! can differ in a snapshot taken while a request was being recorded. Durations of stages add up to
//! more than the requests' duration where stages nest or overlap.

mod endpoint;
mod measure;
mod format;
mod table;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stagelight_core::{Nanos, Snapshot, stage::Group};

use endpoint::seconds;

pub use endpoint::{Endpoint, Stage, Summary};

/// The time of each endpoint's requests, by stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// Length of the measured interval; `duration_seconds` in the document.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Nanos,
    /// The endpoints, by name.
    pub endpoints: Vec<Endpoint>,
}

// === impl Breakdown ===

impl Breakdown {
    /// Computes the breakdown of the requests in `snapshot`.
    ///
    /// `measured` is the length of the interval that the snapshot covers. `group_of` returns the
    /// group of a stage: use [`Engine::group_of`](stagelight_core::Engine::group_of), or
    /// [`Group::of_well_known`] without an engine. The result contains each endpoint of which a
    /// request or a stage has ended.
    #[must_use]
    pub fn from_snapshot(
        snapshot: &Snapshot,
        measured: Duration,
        group_of: impl Fn(&str) -> Group,
    ) -> Self {
        Self { duration: measured.into(), endpoints: measure::endpoints(snapshot, group_of) }
    }

    /// Writes a plain-text table of at most 100 columns, one section per endpoint.
    ///
    /// Ends with a line feed. Names that do not fit are truncated, and control characters in them
    /// are replaced by `�`.
    #[must_use]
    pub fn to_table(&self) -> String {
        table::write(&self.endpoints)
    }
}
