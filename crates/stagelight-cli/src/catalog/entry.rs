//! The displayed fields of a metric.

use serde::Serialize;
use stagelight_core::catalog::{Family, Metric};

/// The displayed fields of a metric, which are those of the JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// The OpenTelemetry name.
    pub(super) name: &'static str,
    /// The unit's UCUM code; empty without a unit.
    pub(super) unit: String,
    pub(super) kind: &'static str,
    /// The Prometheus name, without a histogram's suffixes.
    pub(super) prometheus_name: &'static str,
    /// The OpenTelemetry names of the attributes; Prometheus labels replace `.` by `_`.
    pub(super) attributes: Vec<&'static str>,
    /// The upper bounds of a histogram's explicit buckets, in the unit; empty otherwise.
    pub(super) buckets: &'static [f64],
    pub(super) help: &'static str,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(family: &Family, metric: &'static Metric) -> Self {
        Self {
            name: metric.name,
            unit: metric.unit.code(),
            kind: metric.instrument.as_str(),
            prometheus_name: metric.prometheus_name,
            attributes: family.labels.iter().map(|it| it.otel_name).collect(),
            buckets: metric.bounds(),
            help: metric.help,
        }
    }

    /// Returns the bounds as the shortest decimal numbers, as in `le`.
    pub(super) fn bounds(&self) -> Vec<String> {
        self.buckets.iter().map(f64::to_string).collect()
    }
}
