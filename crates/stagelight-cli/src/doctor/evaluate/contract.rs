//! Do names, labels and buckets in Prometheus match the catalogue?

use std::collections::BTreeMap;

use stagelight_core::catalog::{Instrument, Metric};

use super::outcomes::Outcomes;
use crate::doctor::{
    aliases::{self, Strategy, series_name},
    check::{Check, Finding, Outcome},
    observations::{Observations, PrometheusObservations},
};

/// Maximum number of names in a message.
const LISTED: usize = 4;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let outcome = match observations.prometheus.value() {
        None => outcomes.without_prometheus(),
        Some(prometheus) if prometheus.jobs.is_empty() => outcomes
            .blocker(Check::Prometheus)
            .map_or_else(|| Outcome::Skipped("no series to compare".to_owned()), Outcome::Blocked),
        Some(prometheus) => compare(observations, prometheus),
    };
    outcomes.put(Check::Contract, outcome);
}

fn compare(observations: &Observations, prometheus: &PrometheusObservations) -> Outcome {
    let mut findings = Vec::new();
    let renamed = renamed(prometheus);
    findings.extend(renamed.iter().map(|(strategy, metrics)| translated(*strategy, metrics)));
    findings.extend(native(prometheus));
    if renamed.is_empty() {
        findings.extend(missing(observations, prometheus));
    }
    findings.extend(other_bounds(prometheus));
    findings.extend(unlabelled(prometheus));
    let strategy = Strategy::UnderscoreEscapingWithSuffixes;
    let found = aliases::all().filter(|(_, it)| has(prometheus, it, strategy)).count();
    Outcome::from_findings(findings, || {
        let bounds = prometheus.bounds.len();
        format!("names of {found} metrics, buckets of {bounds} histograms and all labels match")
    })
}

fn has(prometheus: &PrometheusObservations, metric: &Metric, strategy: Strategy) -> bool {
    prometheus.names.contains(&series_name(metric, strategy))
}

/// Returns the metrics that exist only under the name of another translation strategy.
fn renamed(prometheus: &PrometheusObservations) -> Vec<(Strategy, Vec<&'static Metric>)> {
    let [ours, others @ ..] = Strategy::ALL;
    let strategies = others.into_iter().map(|strategy| {
        let differs = |it: &Metric| series_name(it, strategy) != series_name(it, ours);
        let metrics = aliases::all().map(|it| it.1).filter(|it| {
            differs(it) && has(prometheus, it, strategy) && !has(prometheus, it, ours)
        });
        (strategy, metrics.collect::<Vec<_>>())
    });
    // Strategies share names without dots or without a unit; the one with the most matches is set.
    let most = strategies.max_by_key(|it| it.1.len());
    most.into_iter().filter(|it| !it.1.is_empty()).collect()
}

fn translated(strategy: Strategy, metrics: &[&Metric]) -> Finding {
    let ours = Strategy::UnderscoreEscapingWithSuffixes;
    let pairs = metrics.iter().map(|it| format!("{} as {}", ours.name(it), strategy.name(it)));
    Finding::new(
        format!("{} metrics have another name: {}", metrics.len(), listed(pairs)),
        format!(
            "Prometheus sets `otlp.translation_strategy: {}`; dashboards and rules query other \
             names",
            strategy.as_str()
        ),
        format!(
            "set `otlp: {{translation_strategy: {}}}` in Prometheus' configuration",
            ours.as_str()
        ),
    )
}

/// Finds metrics on the service's page that Prometheus lacks.
fn missing(observations: &Observations, prometheus: &PrometheusObservations) -> Option<Finding> {
    let pair = observations.service.value()?;
    // Metrics first recorded after the newest sample may still be on their way.
    let newest = prometheus.jobs.first()?.newest;
    if newest < pair.first_at {
        return None;
    }
    let ours = Strategy::UnderscoreEscapingWithSuffixes;
    let is_served = |it: &Metric| pair.first.named(&series_name(it, ours)).next().is_some();
    let missing: Vec<_> = aliases::all()
        .map(|it| it.1)
        .filter(|it| is_served(it) && !has(prometheus, it, ours) && !is_native(prometheus, it))
        .map(|it| it.prometheus_name.to_owned())
        .collect();
    let count = missing.len();
    (0 < count).then(|| {
        Finding::new(
            format!("{count} metrics of the service are not in Prometheus: {}", listed(missing)),
            "a processor of the collector or metric_relabel_configs in Prometheus renames or drops \
             them",
            "remove the `transform`, `filter` or `metrics_transform` processor that changes these \
             names from the metrics pipeline of the collector's configuration",
        )
    })
}

/// Returns whether Prometheus stores a histogram as a native one.
fn is_native(prometheus: &PrometheusObservations, metric: &Metric) -> bool {
    matches!(metric.instrument, Instrument::Histogram { .. })
        && prometheus.names.contains(metric.prometheus_name)
}

fn native(prometheus: &PrometheusObservations) -> Option<Finding> {
    let metrics = aliases::all().map(|it| it.1).filter(|it| is_native(prometheus, it));
    let native: Vec<_> = metrics.map(|it| it.prometheus_name.to_owned()).collect();
    (!native.is_empty()).then(|| {
        Finding::new(
            format!("{} histograms have no `le` buckets: {}", native.len(), listed(native)),
            "they are native histograms: dashboards show them, but alerts query the explicit \
             buckets and never fire",
            "unset OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION in the service's \
             environment and `convert_histograms_to_nhcb` in Prometheus' configuration; or rewrite \
             the alerts for native histograms and pass `--skip contract`",
        )
    })
}

fn other_bounds(prometheus: &PrometheusObservations) -> Option<Finding> {
    let known: BTreeMap<_, _> =
        aliases::all().map(|(_, it)| (it.prometheus_name, it.bounds())).collect();
    let differing: Vec<_> = prometheus
        .bounds
        .iter()
        .filter(|(name, bounds)| known.get(name.as_str()).is_some_and(|it| it != bounds))
        .map(|(name, bounds)| {
            let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
            format!("{name} has {}", bounds.join(" "))
        })
        .collect();
    (!differing.is_empty()).then(|| {
        Finding::new(
            format!("{} histograms have other buckets: {}", differing.len(), listed(differing)),
            "another program uses the same name, or two versions of the service run; their \
             quantiles cannot be compared with the alert thresholds",
            "compare the buckets with `stagelight catalog`; set another job for the other program, \
             or run one version",
        )
    })
}

fn unlabelled(prometheus: &PrometheusObservations) -> Option<Finding> {
    let lacking = &prometheus.unlabelled;
    (!lacking.is_empty()).then(|| {
        let pairs = lacking.iter().map(|(metric, label)| format!("{metric} without {label}"));
        Finding::new(
            format!("series lack labels: {}", listed(pairs)),
            "a processor of the collector drops attributes, or metric_relabel_configs in \
             Prometheus drops labels",
            "remove the `attributes`, `transform` or `redaction` processor that drops them from \
             the metrics pipeline of the collector's configuration",
        )
    })
}

/// Joins the first items.
fn listed(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let shown = items[..items.len().min(LISTED)].join(", ");
    if LISTED < items.len() { format!("{shown}, …") } else { shown }
}
