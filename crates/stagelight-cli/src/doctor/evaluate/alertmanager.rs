//! Has Prometheus somebody to tell about alerts?

use super::{Outcomes, contract::without_prometheus, counters, number};
use crate::doctor::{
    check::Check,
    finding::{Finding, Outcome},
    http::ProbeError,
    observations::{Observations, PrometheusObservations},
};

pub(super) fn evaluate(observations: &Observations, outcomes: &mut Outcomes) {
    let verdict = match observations.prometheus.value() {
        None => without_prometheus(outcomes),
        Some(prometheus) => {
            let findings: Vec<_> = [nobody(prometheus), undelivered(prometheus)]
                .into_iter()
                .flatten()
                .chain(stopped(prometheus, outcomes))
                .collect();
            let known = &prometheus.alertmanagers;
            let addresses: Vec<_> = known.iter().map(|it| it.0.clone()).collect();
            Outcome::from_findings(findings, || format!("told: {}", addresses.join(", ")))
        }
    };
    outcomes.put(Check::Alertmanager, verdict);
}

fn nobody(prometheus: &PrometheusObservations) -> Option<Finding> {
    prometheus.alertmanagers.is_empty().then(|| {
        Finding::new(
            "Prometheus knows no Alertmanager",
            "alerts fire, and nobody is told",
            "put its address into collector/prometheus/targets/alertmanager.yaml, which the shipped configuration's \
             `alerting:` reads; leave this check out with --skip alertmanager if alerts go another way",
        ).with_runbook("PrometheusNoAlertmanager")
    })
}

fn undelivered(prometheus: &PrometheusObservations) -> Option<Finding> {
    let errors = counters::growth(prometheus.own.as_ref()?, "prometheus_notifications_errors");
    (0.0 < errors).then(|| {
        Finding::new(
            format!("{} notifications could not be delivered while we looked", number(errors)),
            "Prometheus cannot reach an Alertmanager that it is to tell",
            "Prometheus' log says why; see that Alertmanager runs at the address under `alerting:`",
        )
        .with_runbook("PrometheusNotificationsFail")
    })
}

/// Tells of an Alertmanager that does not run; of one that cannot be reached from here, only that.
fn stopped(prometheus: &PrometheusObservations, outcomes: &mut Outcomes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (url, error) in &prometheus.alertmanagers {
        match error {
            None => {}
            Some(error @ (ProbeError::Refused | ProbeError::Status { code: 500.., .. })) => {
                findings.push(Finding::new(
                    format!("{url}: {error}"),
                    "the Alertmanager that Prometheus tells is not running, or not ready",
                    "start it: `alertmanager --config.file=collector/alertmanager/alertmanager.yaml`; its log says why it ended",
                ).with_runbook("AlertmanagerDown"));
            }
            Some(error) => outcomes.note(
                Check::Alertmanager,
                format!("{url}: {error}; that may be so from here only"),
            ),
        }
    }
    findings
}
