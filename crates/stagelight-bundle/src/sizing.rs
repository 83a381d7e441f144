//! The number of series a service creates in Prometheus, from the catalogue.

use std::fmt::Write as _;

use stagelight_core::catalog::{self, Family, Instrument};

/// Returns the label sets of the catalogue, each with the number of series that one combination of
/// its values creates.
///
/// In the catalogue's order. A histogram creates one series per bound, plus `+Inf`, sum and count.
#[must_use]
pub fn series_by_labels() -> Vec<(Vec<String>, usize)> {
    let mut found: Vec<(Vec<String>, usize)> = Vec::new();
    for family in catalog::ALL.into_iter().chain(stagelight_otel::catalog::ALL) {
        let labels: Vec<_> = family.labels.iter().map(|it| it.prometheus_name.to_owned()).collect();
        let series = series_of(family);
        match found.iter_mut().find(|it| it.0 == labels) {
            Some((_, sum)) => *sum += series,
            None => found.push((labels, series)),
        }
    }
    found
}

/// Returns [`series_by_labels`] as the Markdown table of `collector/README.md`.
#[must_use]
pub fn markdown() -> String {
    let mut table = "| for each combination of | series |\n|---|---|\n".to_owned();
    for (labels, series) in series_by_labels() {
        let labels: Vec<_> = labels.iter().map(|it| format!("`{it}`")).collect();
        writeln!(table, "| {} | {series} |", labels.join(", ")).ok();
    }
    table
}

fn series_of(family: &Family) -> usize {
    let of_metric = |instrument: &Instrument| match instrument {
        Instrument::Histogram { buckets, .. } => buckets.bounds().len() + 3,
        _ => 1,
    };
    family.metrics.iter().map(|it| of_metric(&it.instrument)).sum()
}
