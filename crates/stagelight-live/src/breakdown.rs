//! Where each endpoint's time went: a document, and a table for a terminal.
//!
//! [`Breakdown::of`] makes it of a snapshot; of the difference of two ([`since`](crate::since)) it tells an interval.
//!
//! ```
//! use std::time::Duration;
//! use stagelight_core::{Engine, Outcome, catalog};
//! use stagelight_live::breakdown::Breakdown;
//!
//! let engine = Engine::new();
//! engine.start_request("/v1/jobs").end(Outcome::Ok);
//!
//! let breakdown = Breakdown::of(&engine.snapshot(), Duration::from_secs(1), |it| engine.group_of(it));
//! let jobs = &breakdown.endpoints[0];
//! assert_eq!((jobs.endpoint.as_str(), jobs.requests), ("/v1/jobs", 1));
//! assert!(breakdown.to_table().starts_with("/v1/jobs  1 request"));
//! ```
//!
//! # What adds up
//!
//! For each endpoint the stages' shares and `unattributed` are the requests' time, to the nanosecond: times are whole
//! nanoseconds ([`Nanos`](stagelight_core::Nanos)) until they are written as seconds. That holds for a snapshot taken
//! while no request was being recorded. Durations of stages add up to more where stages nest or overlap.

mod seconds;
mod document;
mod measure;
mod human;
mod table;

pub use document::{Breakdown, Endpoint, Stage, Summary};
