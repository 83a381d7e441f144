//! Has Prometheus loaded the shipped rules, and can it evaluate them?

use super::outcomes::Outcomes;
use crate::doctor::{
    check::{Check, Finding, Outcome},
    observations::{Observations, Rule},
};

/// The alerts of the metric contract; the shipped files contain more.
const ALERTS: [&str; 4] =
    ["HighBackendTTFB", "CriticalBackendTTFB", "HighStreamingDuration", "HighFrontendProcessing"];

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let outcome = match observations.prometheus.value() {
        None => outcomes.without_prometheus(),
        Some(prometheus) => {
            let rules = &prometheus.rules;
            let findings = missing(rules).into_iter().chain(rules.iter().filter_map(failing));
            let alerts = rules.iter().filter(|it| it.is_alert).count();
            Outcome::from_findings(findings.collect(), || {
                format!("{alerts} alerts and {} recording rules, all healthy", rules.len() - alerts)
            })
        }
    };
    outcomes.put(Check::Rules, outcome);
}

fn missing(rules: &[Rule]) -> Option<Finding> {
    let has = |name: &str| rules.iter().any(|it| it.is_alert && it.name == name);
    let missing: Vec<_> = ALERTS.into_iter().filter(|it| !has(it)).collect();
    (!missing.is_empty()).then(|| {
        Finding::new(
            format!("{} rules are loaded; missing: {}", rules.len(), missing.join(", ")),
            "no alert fires when requests are slow",
            "copy collector/prometheus/rules next to Prometheus' configuration, add \
             `rule_files: [\"rules/*.yaml\"]` to it, and reload it (SIGHUP)",
        )
    })
}

fn failing(rule: &Rule) -> Option<Finding> {
    let error = rule.error.as_ref()?;
    let finding = Finding::new(
        format!("the evaluation of rule {} in {} fails: {error}", rule.name, rule.file),
        "the expression does not match Prometheus' series, or takes too long",
        "run `promtool check rules` on the file, and the expression in Prometheus",
    );
    Some(finding.with_runbook("PrometheusRulesFail"))
}
