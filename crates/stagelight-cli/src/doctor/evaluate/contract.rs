//! Are names, labels and buckets in Prometheus those of the catalogue?

use std::collections::BTreeMap;

use stagelight_core::catalog::{Instrument, Metric};

use super::Outcomes;
use crate::doctor::{
    aliases::{self, Strategy, series_name},
    check::Check,
    finding::{Finding, Outcome},
    observations::{Observations, PrometheusObservations},
};

/// How many names a message lists.
const LISTED: usize = 4;

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let verdict = match observations.prometheus.value() {
        None => without_prometheus(outcomes),
        Some(prometheus) if prometheus.jobs.is_empty() => outcomes
            .blocker(Check::Prometheus)
            .map_or_else(|| Outcome::Skipped("no series to compare".to_owned()), Outcome::Blocked),
        Some(prometheus) => compare(observations, prometheus),
    };
    outcomes.put(Check::Contract, verdict);
}

/// Returns what to say of a link that only Prometheus can tell about.
pub(super) fn without_prometheus(outcomes: &Outcomes) -> Outcome {
    outcomes.blocker(Check::Prometheus).map_or_else(
        || Outcome::Skipped("Prometheus was not looked at".to_owned()),
        Outcome::Blocked,
    )
}

fn compare(observations: &Observations, prometheus: &PrometheusObservations) -> Outcome {
    let mut findings = Vec::new();
    let renamed = renamed(prometheus);
    findings.extend(renamed.iter().map(|(strategy, metrics)| of_strategy(*strategy, metrics)));
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
        format!(
            "{found} metrics by their names, {bounds} histograms with their buckets, all labels"
        )
    })
}

fn has(prometheus: &PrometheusObservations, metric: &Metric, strategy: Strategy) -> bool {
    prometheus.names.contains(&series_name(metric, strategy))
}

/// Returns the metrics that are there under another strategy's name, and not under their own.
fn renamed(prometheus: &PrometheusObservations) -> Vec<(Strategy, Vec<&'static Metric>)> {
    let [ours, others @ ..] = Strategy::ALL;
    let strategies = others.into_iter().map(|strategy| {
        let differs = |it: &Metric| series_name(it, strategy) != series_name(it, ours);
        let metrics = aliases::all().map(|it| it.1).filter(|it| {
            differs(it) && has(prometheus, it, strategy) && !has(prometheus, it, ours)
        });
        (strategy, metrics.collect::<Vec<_>>())
    });
    // Names without dots, or without unit, are the same by two strategies: the one that explains most is it.
    let most = strategies.max_by_key(|it| it.1.len());
    most.into_iter().filter(|it| !it.1.is_empty()).collect()
}

fn of_strategy(strategy: Strategy, metrics: &[&Metric]) -> Finding {
    let ours = Strategy::UnderscoreEscapingWithSuffixes;
    let pairs = metrics.iter().map(|it| format!("{} as {}", ours.name(it), strategy.name(it)));
    Finding::new(
        format!("{} metrics have another name: {}", metrics.len(), listed(pairs)),
        format!(
            "names are made by `otlp.translation_strategy: {}`; no dashboard or rule asks for them",
            strategy.as_str()
        ),
        format!(
            "set `otlp: {{translation_strategy: {}}}` in Prometheus' configuration",
            ours.as_str()
        ),
    )
}

/// Tells of metrics that the service shows and Prometheus does not have.
fn missing(observations: &Observations, prometheus: &PrometheusObservations) -> Option<Finding> {
    let pair = observations.service.value()?;
    // What was first measured after the last export is not missed.
    let newest = prometheus.jobs.first()?.newest;
    if newest < pair.first_at {
        return None;
    }
    let ours = Strategy::UnderscoreEscapingWithSuffixes;
    let is_shown = |it: &Metric| pair.first.named(&series_name(it, ours)).next().is_some();
    let missing: Vec<_> = aliases::all()
        .map(|it| it.1)
        .filter(|it| is_shown(it) && !has(prometheus, it, ours) && !is_native(prometheus, it))
        .map(|it| it.prometheus_name.to_owned())
        .collect();
    let count = missing.len();
    (0 < count).then(|| {
        Finding::new(
            format!("{count} metrics that the service measures are not in Prometheus: {}", listed(missing)),
            "a processor of the collector renames or drops them, or metric_relabel_configs of Prometheus do",
            "look for `transform`, `filter` and `metrics_transform` in the metrics pipeline of the collector's \
             configuration, and take out what changes these names",
        )
    })
}

/// Returns whether a histogram has arrived as a native one.
fn is_native(prometheus: &PrometheusObservations, metric: &Metric) -> bool {
    matches!(metric.instrument, Instrument::Histogram { .. })
        && prometheus.names.contains(metric.prometheus_name)
}

fn native(prometheus: &PrometheusObservations) -> Option<Finding> {
    let metrics = aliases::all().map(|it| it.1).filter(|it| is_native(prometheus, it));
    let native: Vec<_> = metrics.map(|it| it.prometheus_name.to_owned()).collect();
    (!native.is_empty()).then(|| {
        Finding::new(
            format!("{} histograms have no buckets with `le`: {}", native.len(), listed(native)),
            "they are native histograms: the dashboards show them, but alerts ask for the explicit buckets, and stay silent",
            "unset OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION in the service's environment, and \
             `convert_histograms_to_nhcb` in Prometheus' configuration; or write the alerts for native ones, and leave this \
             check out with --skip contract",
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
            "quantiles over them cannot be compared with the thresholds of rules; another program uses the same \
             name, or two versions of the service run",
            "`stagelight catalog` prints the buckets; give what is not this service's another job, or run one version",
        )
    })
}

fn unlabelled(prometheus: &PrometheusObservations) -> Option<Finding> {
    let lacking = &prometheus.unlabelled;
    (!lacking.is_empty()).then(|| {
        let pairs = lacking.iter().map(|(metric, label)| format!("{metric} without {label}"));
        Finding::new(
            format!("series lack labels: {}", listed(pairs)),
            "a processor of the collector drops attributes, or metric_relabel_configs of Prometheus drop labels",
            "look for `attributes`, `transform` and `redaction` in the metrics pipeline of the collector's configuration",
        )
    })
}

/// Lists the first few.
fn listed(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let shown = items[..items.len().min(LISTED)].join(", ");
    if LISTED < items.len() { format!("{shown}, …") } else { shown }
}
