//! One metric, ready to be shown.

use serde::Serialize;
use stagelight_core::catalog::{Family, Metric};

/// One metric, ready to be shown; in JSON, one object.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// The OpenTelemetry name.
    pub(super) name: &'static str,
    /// The unit's UCUM code; empty for a bare number.
    pub(super) unit: String,
    pub(super) kind: &'static str,
    /// The name that Prometheus shows; a histogram's three suffixes come after it.
    pub(super) prometheus_name: &'static str,
    /// The attributes' OpenTelemetry names; Prometheus' labels have `_` for `.`.
    pub(super) attributes: Vec<&'static str>,
    /// The classic upper bounds in the unit; empty unless it is a histogram.
    pub(super) buckets: &'static [f64],
    pub(super) help: &'static str,
}

// === impl Entry ===

impl Entry {
    pub(super) fn of(family: &Family, metric: &'static Metric) -> Self {
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

    /// Returns the bounds, each as the shortest decimal number: as in `le`.
    pub(super) fn bounds(&self) -> Vec<String> {
        self.buckets.iter().map(f64::to_string).collect()
    }
}
