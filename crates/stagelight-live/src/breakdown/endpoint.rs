//! The document's parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stagelight_core::{Histogram, Nanos};

/// The time of one endpoint's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The route template or the job's name.
    pub endpoint: String,
    /// Number of requests that have ended.
    pub requests: u64,
    /// Number of requests by [`Outcome`](stagelight_core::Outcome), including outcomes with none.
    pub outcomes: BTreeMap<String, u64>,
    /// Duration of the requests; `duration_seconds` in the document.
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
    /// Number of times the stage ended. A request can have it several times, or not at all.
    pub count: u64,
    /// Number of times it ended with an error.
    pub errors: u64,
    /// Time from its start to its end; `duration_seconds` in the document.
    #[serde(rename = "duration_seconds")]
    pub duration: Summary,
    /// Its part of the requests' time; `share_seconds` in the document.
    #[serde(rename = "share_seconds", with = "seconds")]
    pub share: Nanos,
    /// The same in percent, 0 to 100; 0 when no request has ended.
    pub share_percent: f64,
    /// Time its future was being polled; `busy_seconds` in the document.
    #[serde(rename = "busy_seconds", with = "seconds")]
    pub busy: Nanos,
}

/// Count, sum and quantiles of a histogram of durations, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Their sum.
    #[serde(with = "seconds")]
    pub sum: Nanos,
    /// The median, within 1.1 %. Like the other quantiles `None` (`null`) without values.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns a stage by its name.
    #[must_use]
    pub fn stage(&self, stage: &str) -> Option<&Stage> {
        self.stages.iter().find(|it| it.stage == stage)
    }
}

// === impl Summary ===

impl Summary {
    pub(super) fn from_histogram(histogram: &Histogram) -> Self {
        Self {
            count: histogram.count(),
            sum: Nanos::new(histogram.recorded_sum()),
            p50: histogram.quantile(0.50),
            p95: histogram.quantile(0.95),
            p99: histogram.quantile(0.99),
        }
    }
}

/// Returns `part` of `total` in percent; 0 if `total` is zero.
pub(super) fn percent(part: Nanos, total: Nanos) -> f64 {
    if total == Nanos::default() { 0.0 } else { 100.0 * part.as_secs_f64() / total.as_secs_f64() }
}

/// Serialises nanoseconds as seconds.
pub(super) mod seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use stagelight_core::Nanos;

    pub(in crate::breakdown) fn serialize<S: Serializer>(
        nanos: &Nanos,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        nanos.as_secs_f64().serialize(serializer)
    }

    /// Rounds to the nearest nanosecond, which restores the written value up to 2^53 ns.
    pub(in crate::breakdown) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Nanos, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..1e10).contains(&seconds) {
            return Err(D::Error::custom(format_args!(
                "{seconds} is not a duration: allowed are 0 to 10000000000 seconds"
            )));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: positive, and below 2^64"
        )]
        let nanos = (seconds * 1e9).round() as u64;
        Ok(Nanos::new(nanos))
    }
}
