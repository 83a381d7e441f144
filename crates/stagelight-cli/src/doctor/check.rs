//! The links of the outcomes, in the order in which data passes them.

use clap::ValueEnum;
use serde::Serialize;

/// One link of the chain from a service's requests to its dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Check {
    /// The service measures requests and shows them on its metrics page.
    Service,
    /// What the service exports reaches the collector and is let in.
    Export,
    /// The collector runs and accepts what it is sent.
    Collector,
    /// The collector's exporters deliver.
    Delivery,
    /// Prometheus runs, takes metrics, and has fresh ones of the service.
    Prometheus,
    /// Names, labels and buckets in Prometheus are those of the catalogue.
    Contract,
    /// Prometheus has the shipped rules, and can evaluate them.
    Rules,
    /// Prometheus has somebody to tell about alerts.
    Alertmanager,
    /// All clocks agree.
    Clocks,
    /// Slow buckets lead to traces.
    Exemplars,
    /// Grafana's data source answers with the service's series, and the dashboards are there.
    Grafana,
}

// === impl Check ===

impl Check {
    /// All links, in the order of the outcomes.
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

    /// Returns the name as the command line and the JSON document have it.
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
