//! Has Prometheus the shipped rules, and can it evaluate them?

use super::{Outcomes, contract::without_prometheus};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    observations::Observations,
};

/// Alerts that every operator of these metrics has; the shipped files have more.
const ALERTS: [&str; 4] =
    ["HighBackendTTFB", "CriticalBackendTTFB", "HighStreamingDuration", "HighFrontendProcessing"];

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let verdict = match observations.prometheus.value() {
        None => without_prometheus(outcomes),
        Some(prometheus) => {
            let rules = &prometheus.rules;
            let has = |name: &str| rules.iter().any(|it| it.is_alert && it.name == name);
            let missing: Vec<_> = ALERTS.into_iter().filter(|it| !has(it)).collect();
            let mut findings = Vec::new();
            if !missing.is_empty() {
                findings.push(Finding::new(
                    format!("{} rules are loaded; not among them: {}", rules.len(), missing.join(", ")),
                    "nobody is told when requests become slow",
                    "add `rule_files: [\"rules/*.yaml\"]` to Prometheus' configuration, with the files of \
                     collector/prometheus/rules beside it, and reload it (SIGHUP)",
                ));
            }
            findings.extend(rules.iter().filter_map(|it| {
                let error = it.error.as_ref()?;
                Some(
                    Finding::new(
                        format!("rule {} of {} cannot be evaluated: {error}", it.name, it.file),
                        "what it asks for is not what Prometheus has, or takes too long",
                        "run `promtool check rules` on the file, and the expression in Prometheus",
                    )
                    .with_runbook("PrometheusRulesFail"),
                )
            }));
            let alerts = rules.iter().filter(|it| it.is_alert).count();
            Outcome::from_findings(findings, || {
                format!("{alerts} alerts and {} recording rules, all healthy", rules.len() - alerts)
            })
        }
    };
    outcomes.put(Check::Rules, verdict);
}
