//! The document's shape.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stagelight_core::Nanos;

use super::seconds;

/// Where the time of each endpoint went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// How long was measured; `duration_seconds` in the document.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Nanos,
    /// The endpoints, by name.
    pub endpoints: Vec<Endpoint>,
}

/// Where the time of one endpoint went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The route template or the job's name.
    pub endpoint: String,
    /// How many requests ended.
    pub requests: u64,
    /// How they ended: every [`Outcome`](stagelight_core::Outcome) by its label, also those that never happened.
    pub outcomes: BTreeMap<String, u64>,
    /// How long they took; `duration_seconds` in the document.
    #[serde(rename = "duration_seconds")]
    pub duration: Summary,
    /// Time in which no stage was open; `unattributed_seconds` in the document.
    #[serde(rename = "unattributed_seconds", with = "seconds")]
    pub unattributed: Nanos,
    /// The stages, by group in the order in which a request passes through them, then by name.
    pub stages: Vec<Stage>,
}

/// One stage of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's name.
    pub stage: String,
    /// Its group's label.
    pub group: String,
    /// How often it ended; more or less often than its requests do.
    pub count: u64,
    /// How often it ended with an error.
    pub errors: u64,
    /// How long it took from start to end; `duration_seconds` in the document.
    #[serde(rename = "duration_seconds")]
    pub duration: Summary,
    /// Its part of the requests' time; `share_seconds` in the document.
    #[serde(rename = "share_seconds", with = "seconds")]
    pub share: Nanos,
    /// The same in percent, 0 to 100; 0 when no request has ended.
    pub share_percent: f64,
    /// The part of its duration in which its future was being polled; `busy_seconds` in the document.
    #[serde(rename = "busy_seconds", with = "seconds")]
    pub busy: Nanos,
}

/// What a histogram of times says, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many were measured.
    pub count: u64,
    /// Their sum.
    #[serde(with = "seconds")]
    pub sum: Nanos,
    /// The median, in seconds, within 1.1 %; absent (`null`) when nothing was measured, as are the others.
    pub p50: Option<f64>,
    /// The 95th percentile, in seconds.
    pub p95: Option<f64>,
    /// The 99th percentile, in seconds.
    pub p99: Option<f64>,
}
