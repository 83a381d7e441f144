//! The checks, and the outcome of one.

use clap::ValueEnum;
use serde::Serialize;

/// One check of the pipeline from a service's requests to its dashboards, in data-flow order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Check {
    /// The service measures requests and serves its metrics page.
    Service,
    /// The service's exports reach the collector and are accepted.
    Export,
    /// The collector runs and accepts data.
    Collector,
    /// The collector's exporters deliver.
    Delivery,
    /// Prometheus runs, ingests metrics, and has fresh samples of the service.
    Prometheus,
    /// Names, labels and buckets in Prometheus match the catalogue.
    Contract,
    /// Prometheus has loaded the shipped rules and can evaluate them.
    Rules,
    /// Prometheus sends alerts to an Alertmanager.
    Alertmanager,
    /// All clocks agree.
    Clocks,
    /// Prometheus stores exemplars, which link slow buckets to traces.
    Exemplars,
    /// Grafana's data source returns the service's series, and the dashboards are installed.
    Grafana,
}

/// A problem, its cause and its fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The observation, with its numbers.
    pub(crate) seen: String,
    /// The cause.
    pub(crate) why: String,
    /// The command to run or the setting to change.
    pub(crate) fix: String,
    /// Path of the runbook in the repository.
    pub(crate) runbook: Option<String>,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Passed, with a summary of the observation.
    Ok(String),
    /// Failed, with at least one finding.
    Broken(Vec<Finding>),
    /// Cannot be decided until this other check passes.
    Blocked(Check),
    /// Not run, with the reason.
    Skipped(String),
}

// === impl Check ===

impl Check {
    /// All checks, in data-flow order.
    pub(crate) const ALL: [Self; 11] = [
        Self::Service,
        Self::Export,
        Self::Collector,
        Self::Delivery,
        Self::Prometheus,
        Self::Contract,
        Self::Rules,
        Self::Alertmanager,
        Self::Clocks,
        Self::Exemplars,
        Self::Grafana,
    ];

    /// Returns the name used on the command line and in the JSON document.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Export => "export",
            Self::Collector => "collector",
            Self::Delivery => "delivery",
            Self::Prometheus => "prometheus",
            Self::Contract => "contract",
            Self::Rules => "rules",
            Self::Alertmanager => "alertmanager",
            Self::Clocks => "clocks",
            Self::Exemplars => "exemplars",
            Self::Grafana => "grafana",
        }
    }
}

// === impl Finding ===

impl Finding {
    pub(crate) fn new(
        seen: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { seen: seen.into(), why: why.into(), fix: fix.into(), runbook: None }
    }

    /// Adds the runbook of the alert on the same problem.
    pub(crate) fn with_runbook(self, alert: &str) -> Self {
        Self { runbook: Some(format!("collector/runbooks/{alert}.md")), ..self }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Returns `Broken` if there are findings, `Ok` otherwise.
    pub(crate) fn from_findings(findings: Vec<Finding>, seen: impl FnOnce() -> String) -> Self {
        if findings.is_empty() { Self::Ok(seen()) } else { Self::Broken(findings) }
    }

    pub(crate) fn broken(finding: Finding) -> Self {
        Self::Broken(vec![finding])
    }

    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(crate) const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}
