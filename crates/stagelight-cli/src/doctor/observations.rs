//! What was seen, before anybody judges it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{http::ProbeError, page::Page};

/// All that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    pub(crate) service: Observed<ScrapePair>,
    pub(crate) collector: CollectorObservations,
    pub(crate) prometheus: Observed<PrometheusObservations>,
    pub(crate) grafana: Observed<GrafanaObservations>,
    /// Time between the two pair.
    pub(crate) watched: Duration,
    /// How old the newest sample may be; `None` for three intervals between samples.
    pub(crate) fresh_within: Option<Duration>,
}

/// One server that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Observed<T> {
    /// The address that was asked, without a slash at the end.
    pub(crate) url: String,
    /// Whether the user gave the address, and expects an answer.
    pub(crate) is_given: bool,
    pub(crate) seen: Result<T, ProbeError>,
    /// How far its clock is ahead of ours, in seconds, if it told the time; within a second of the truth.
    pub(crate) clock_ahead: Option<f64>,
}

/// A metrics page, some time apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScrapePair {
    pub(crate) first: Page,
    /// When the first was taken, by our clock, in seconds since 1970.
    pub(crate) first_at: f64,
    pub(crate) second: Page,
}

/// The collector, from outside and as it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct CollectorObservations {
    /// Empty exports that were sent: to the address given, or the default ones, and to where the service sends.
    pub(crate) probes: Vec<Probe>,
    /// Its own metrics.
    pub(crate) metrics: Observed<ScrapePair>,
    /// Whether the probes carried headers.
    pub(crate) has_credentials: bool,
}

/// An empty export, which a receiver accepts and which changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// `http://HOST:PORT`, with a path if the receiver has one.
    pub(crate) url: String,
    pub(crate) is_given: bool,
    /// Whether the service's page names this address as where it sends to.
    pub(crate) is_services: bool,
    pub(crate) http: Result<(), ProbeError>,
    pub(crate) grpc: Result<(), ProbeError>,
}

/// Prometheus, by its API and its own page.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrometheusObservations {
    pub(crate) version: String,
    /// Whether it was started with `--web.enable-otlp-receiver`; `None` if it does not tell its flags.
    pub(crate) otlp_receiver: Option<bool>,
    /// Whether it was started with `--enable-feature=exemplar-storage`; `None` if it does not tell its flags.
    pub(crate) exemplar_storage: Option<bool>,
    /// Its configuration as it prints it; empty if it does not.
    pub(crate) config: String,
    /// Its own metrics, if it shows them.
    pub(crate) own: Option<ScrapePair>,
    /// Who has stagelight's series, the freshest first.
    pub(crate) jobs: Vec<Job>,
    /// When a sample came last, in seconds since 1970, if there was one within a day.
    pub(crate) last_seen: Option<f64>,
    /// Its time, and ours at that moment, in seconds since 1970.
    pub(crate) time: Option<(f64, f64)>,
    /// Names of all metrics that the jobs have now: not those that were not in the last few exports.
    pub(crate) names: BTreeSet<String>,
    /// Bounds of the catalogue's histograms, by the name without `_bucket`.
    pub(crate) bounds: BTreeMap<String, Vec<f64>>,
    /// Metrics of the catalogue with series that lack a label: name and label.
    pub(crate) unlabelled: Vec<(String, String)>,
    pub(crate) rules: Vec<Rule>,
    /// Addresses of the Alertmanagers that it tells, each with why it does not answer us, if it does not.
    pub(crate) alertmanagers: Vec<(String, Option<ProbeError>)>,
    /// How many exemplars of the last hour it has.
    pub(crate) exemplars: usize,
    /// How many requests it was told of within the last five minutes.
    pub(crate) recent_requests: f64,
    pub(crate) performance: Vec<Performance>,
}

/// One job that has stagelight's series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) job: String,
    /// Whether Prometheus asks for its metrics, instead of being sent them.
    pub(crate) is_scraped: bool,
    /// When its newest sample was taken, in seconds since 1970.
    pub(crate) newest: f64,
    /// Usual time between two samples, in seconds, if there were two.
    pub(crate) interval: Option<f64>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) is_alert: bool,
    /// What its last evaluation failed with.
    pub(crate) error: Option<String>,
}

/// How one provider's backends do, over the last five minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Performance {
    pub(crate) provider: String,
    /// 95th percentile of the time to first byte, in seconds.
    pub(crate) ttfb_p95: Option<f64>,
    /// 95th percentile of the stream's duration, in seconds.
    pub(crate) streaming_p95: Option<f64>,
    /// Part of its streams' time that waited for the service to read on, held up by its own client, from 0 to 1.
    pub(crate) client_share: Option<f64>,
}

/// Grafana, by its API.
#[derive(Clone, Debug)]
pub(crate) struct GrafanaObservations {
    pub(crate) version: String,
    /// Whether a token or a password was sent along.
    pub(crate) has_credentials: bool,
    /// Data sources of the type `prometheus`.
    pub(crate) sources: Result<Vec<DataSource>, ProbeError>,
    /// Titles of the dashboards with the tag `stagelight`.
    pub(crate) dashboards: Vec<String>,
}

/// One data source.
#[derive(Clone, Debug)]
pub(crate) struct DataSource {
    pub(crate) name: String,
    /// Where Grafana's server pair for Prometheus.
    pub(crate) url: String,
    /// The least step, such as `15s`; empty for Grafana's default, which is 15 s.
    pub(crate) interval: String,
    /// Label names of exemplars that lead to a trace.
    pub(crate) exemplar_labels: Vec<String>,
    /// What Grafana's own check of it says, if it is not well.
    pub(crate) error: Option<String>,
    /// How many series of stagelight it answers with, or why it does not.
    pub(crate) series: Result<f64, ProbeError>,
}

// === impl Observed ===

impl<T> Observed<T> {
    /// Returns what was seen.
    pub(crate) fn value(&self) -> Option<&T> {
        self.seen.as_ref().ok()
    }

    /// Returns why nothing was seen where something was expected.
    pub(crate) fn failure(&self) -> Option<&ProbeError> {
        self.seen.as_ref().err().filter(|_| self.is_given)
    }

    /// Returns why this was not looked at: the address was not given, and the default does not answer.
    pub(crate) fn absence(&self, flag: &str) -> Option<String> {
        let error = self.seen.as_ref().err().filter(|_| !self.is_given)?;
        Some(format!("not given ({flag} URL); at the default, {}, {error}", self.url))
    }
}

// === impl ScrapePair ===

impl ScrapePair {
    /// Returns how much the sum of what a filter lets through grew from the first look to the second.
    ///
    /// What was not there at the first look grew from nothing, and what was started anew since grew by what it has.
    pub(crate) fn growth(&self, total: impl Fn(&Page) -> f64) -> f64 {
        let (before, after) = (total(&self.first), total(&self.second));
        if before <= after { after - before } else { after }
    }
}

// === impl Probe ===

impl Probe {
    /// Returns whether one of the two protocols was accepted.
    pub(crate) const fn is_accepted(&self) -> bool {
        self.http.is_ok() || self.grpc.is_ok()
    }

    /// Returns whether somebody is there, whatever the answer.
    pub(crate) fn is_answered(&self) -> bool {
        let answered =
            |it: &Result<(), ProbeError>| it.as_ref().err().is_none_or(|it| !it.is_unreachable());
        answered(&self.http) || answered(&self.grpc)
    }

    /// Returns the failure that says most: one of a protocol that the server speaks, if there is one.
    pub(crate) fn failure(&self) -> Option<&ProbeError> {
        let (http, grpc) = (self.http.as_ref().err()?, self.grpc.as_ref().err()?);
        let says_little =
            |it: &ProbeError| matches!(it, ProbeError::OtherProtocol | ProbeError::Disconnected(_));
        Some(if says_little(http) && !says_little(grpc) { grpc } else { http })
    }
}
