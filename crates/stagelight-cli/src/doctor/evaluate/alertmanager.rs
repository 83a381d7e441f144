//! Does Prometheus send alerts to an Alertmanager?

use super::{
    counters,
    outcomes::{Outcomes, number},
};
use crate::doctor::{
    check::{Check, Finding, Outcome},
    http::ProbeError,
    observations::{Observations, PrometheusObservations},
};

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let outcome = match observations.prometheus.value() {
        None => outcomes.without_prometheus(),
        Some(prometheus) => {
            let findings: Vec<_> = [unconfigured(prometheus), undelivered(prometheus)]
                .into_iter()
                .flatten()
                .chain(stopped(prometheus, outcomes))
                .collect();
            let addresses: Vec<_> =
                prometheus.alertmanagers.iter().map(|it| it.0.clone()).collect();
            Outcome::from_findings(findings, || format!("notifying {}", addresses.join(", ")))
        }
    };
    outcomes.put(Check::Alertmanager, outcome);
}

fn unconfigured(prometheus: &PrometheusObservations) -> Option<Finding> {
    prometheus.alertmanagers.is_empty().then(|| {
        Finding::new(
            "Prometheus has no Alertmanager",
            "alerts fire without notifications",
            "add the address to collector/prometheus/targets/alertmanager.yaml, which the shipped \
             configuration loads under `alerting:`; if you do not use Alertmanager, pass \
             `--skip alertmanager`",
        )
        .with_runbook("PrometheusNoAlertmanager")
    })
}

fn undelivered(prometheus: &PrometheusObservations) -> Option<Finding> {
    let errors = counters::growth(prometheus.own.as_ref()?, "prometheus_notifications_errors");
    (0.0 < errors).then(|| {
        Finding::new(
            format!("{} notifications failed between the two scrapes", number(errors)),
            "Prometheus cannot reach an Alertmanager",
            "check that Alertmanager runs at the address under `alerting:`; Prometheus' log has \
             the error",
        )
        .with_runbook("PrometheusNotificationsFail")
    })
}

/// Finds stopped Alertmanagers; only notes those that may be unreachable from here alone.
fn stopped(prometheus: &PrometheusObservations, outcomes: &mut Outcomes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (url, error) in &prometheus.alertmanagers {
        match error {
            None => {}
            Some(error @ (ProbeError::Refused | ProbeError::Status { code: 500.., .. })) => {
                findings.push(
                    Finding::new(
                        format!("{url}: {error}"),
                        "Prometheus' Alertmanager is not running or not ready",
                        "start it with `alertmanager \
                         --config.file=collector/alertmanager/alertmanager.yaml`; its log has the \
                         reason if it exits",
                    )
                    .with_runbook("AlertmanagerDown"),
                );
            }
            Some(error) => {
                let note = format!("{url}: {error}; Prometheus may still reach it");
                outcomes.note(Check::Alertmanager, note);
            }
        }
    }
    findings
}
