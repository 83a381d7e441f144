//! The service's exporters, from its own counters.

use std::collections::BTreeMap;

use crate::doctor::{observations::ScrapePair, page::Sample};

/// The items of a metric exporter.
pub(super) const DATA_POINTS: &str = "data points";

/// One exporter of the service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServiceExporter {
    /// `grpc` or `http`.
    pub(super) protocol: &'static str,
    /// The plural of the exported item.
    pub(super) items: &'static str,
    /// `HOST:PORT`.
    pub(super) to: String,
    /// Items since the first scrape.
    pub(super) delivered: f64,
    /// Items since the service's start.
    pub(super) delivered_ever: f64,
    /// Lost items by `error.type`: since the first scrape, or since the service's start if it has
    /// never delivered.
    pub(super) lost: BTreeMap<String, f64>,
}

/// Returns the exporters on a service's metrics page.
pub(super) fn exporters(pair: &ScrapePair) -> Vec<ServiceExporter> {
    let mut found: BTreeMap<(&str, String), ServiceExporter> = BTreeMap::new();
    for (name, items) in [
        ("otel_sdk_exporter_metric_data_point_exported_total", DATA_POINTS),
        ("otel_sdk_exporter_span_exported_total", "spans"),
    ] {
        for sample in pair.second.named(name) {
            let component = sample.label("otel_component_type");
            let to = format!("{}:{}", sample.label("server_address"), sample.label("server_port"));
            let exporter = found.entry((items, to.clone())).or_default();
            exporter.protocol = if component.contains("grpc") { "grpc" } else { "http" };
            exporter.items = items;
            exporter.to = to;
            let grown = pair.growth(|page| {
                let same = page.named(name).filter(|it| it.labels == sample.labels);
                same.map(|it| it.value).sum()
            });
            exporter.add(sample, grown);
        }
    }
    let mut exporters: Vec<_> = found.into_values().collect();
    for it in &mut exporters {
        it.retain_current_losses();
    }
    exporters
}

// === impl ServiceExporter ===

impl ServiceExporter {
    fn add(&mut self, sample: &Sample, grown: f64) {
        match sample.label("error_type") {
            "" => {
                self.delivered += grown;
                self.delivered_ever += sample.value;
            }
            error => {
                // Losses before the first scrape are negative until `retain_current_losses`.
                let count = if 0.0 < grown { grown } else { -sample.value };
                self.lost.insert(error.to_owned(), count);
            }
        }
    }

    /// Drops losses before the first scrape, unless the exporter has never delivered.
    fn retain_current_losses(&mut self) {
        let is_failing_now = self.lost.values().any(|it| 0.0 < *it);
        if !is_failing_now && self.delivered_ever == 0.0 {
            self.lost.values_mut().for_each(|it| *it = it.abs());
        }
        self.lost.retain(|_, count| 0.0 < *count);
    }
}
