//! The observations that the checks evaluate.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{http::ProbeError, page::Page};

/// All observations.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    pub(crate) service: Observed<ScrapePair>,
    pub(crate) collector: CollectorObservations,
    pub(crate) prometheus: Observed<PrometheusObservations>,
    pub(crate) grafana: Observed<GrafanaObservations>,
    /// Time between the two scrapes.
    pub(crate) watched: Duration,
    /// Maximum age of the newest sample; `None` for three sample intervals.
    pub(crate) fresh_within: Option<Duration>,
}

/// The observation of one server.
#[derive(Clone, Debug)]
pub(crate) struct Observed<T> {
    /// Address, without trailing slash.
    pub(crate) url: String,
    /// Whether the user gave the address, so that the server must respond.
    pub(crate) is_given: bool,
    pub(crate) result: Result<T, ProbeError>,
    /// How far its clock is ahead of ours, in seconds; accurate to a second.
    pub(crate) clock_ahead: Option<f64>,
}

/// Two scrapes of one metrics page.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScrapePair {
    pub(crate) first: Page,
    /// Time of the first scrape by our clock, in Unix seconds.
    pub(crate) first_at: f64,
    pub(crate) second: Page,
}

/// The collector: its receivers and its own metrics.
#[derive(Clone, Debug)]
pub(crate) struct CollectorObservations {
    /// Probes of the given or default receivers and of the service's export targets.
    pub(crate) probes: Vec<Probe>,
    pub(crate) metrics: Observed<ScrapePair>,
    /// Whether the probes carried headers.
    pub(crate) has_credentials: bool,
}

/// The responses of one receiver to an empty export, which changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// `http://HOST:PORT`, with a path if the receiver has one.
    pub(crate) url: String,
    pub(crate) is_given: bool,
    /// Whether the service exports to this address, according to its metrics page.
    pub(crate) is_services: bool,
    pub(crate) http: Result<(), ProbeError>,
    pub(crate) grpc: Result<(), ProbeError>,
}

/// Prometheus: its API and its own metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrometheusObservations {
    pub(crate) version: String,
    /// Whether `--web.enable-otlp-receiver` is set; `None` if the flags cannot be read.
    pub(crate) otlp_receiver: Option<bool>,
    /// Whether `--enable-feature=exemplar-storage` is set; `None` if the flags cannot be read.
    pub(crate) exemplar_storage: Option<bool>,
    /// The loaded configuration; empty if it cannot be read.
    pub(crate) config: String,
    /// Its own metrics, if they can be scraped.
    pub(crate) own: Option<ScrapePair>,
    /// Jobs with stagelight's series, the freshest first.
    pub(crate) jobs: Vec<Job>,
    /// Time of the newest sample within a day, in Unix seconds.
    pub(crate) last_seen: Option<f64>,
    /// Its time and ours at the same moment, in Unix seconds.
    pub(crate) time: Option<(f64, f64)>,
    /// Names of the jobs' current metrics, without those absent from the latest exports.
    pub(crate) names: BTreeSet<String>,
    /// Bounds of the catalogue's histograms, by name without `_bucket`.
    pub(crate) bounds: BTreeMap<String, Vec<f64>>,
    /// Metrics of the catalogue with series that lack a label: name and label.
    pub(crate) unlabelled: Vec<(String, String)>,
    pub(crate) rules: Vec<Rule>,
    /// Addresses of the configured Alertmanagers, each with the error of our own request.
    pub(crate) alertmanagers: Vec<(String, Option<ProbeError>)>,
    /// Number of exemplars within the last hour.
    pub(crate) exemplars: usize,
    /// Number of requests within the last five minutes.
    pub(crate) recent_requests: f64,
    pub(crate) performance: Vec<Performance>,
}

/// A job with stagelight's series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) job: String,
    /// Whether Prometheus scrapes it, as opposed to receiving its metrics.
    pub(crate) is_scraped: bool,
    /// Time of its newest sample, in Unix seconds.
    pub(crate) newest: f64,
    /// Median time between two samples, in seconds, if there were two.
    pub(crate) interval: Option<f64>,
}

/// A loaded rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) is_alert: bool,
    /// The error of its last evaluation.
    pub(crate) error: Option<String>,
}

/// The performance of one provider's backends over the last five minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Performance {
    pub(crate) provider: String,
    /// 95th percentile of the time to first byte, in seconds.
    pub(crate) ttfb_p95: Option<f64>,
    /// 95th percentile of the streaming duration, in seconds.
    pub(crate) streaming_p95: Option<f64>,
    /// Share of the streams' waiting time spent on the client, from 0 to 1.
    pub(crate) client_share: Option<f64>,
}

/// Grafana's API.
#[derive(Clone, Debug)]
pub(crate) struct GrafanaObservations {
    pub(crate) version: String,
    /// Whether the requests carried a token or a password.
    pub(crate) has_credentials: bool,
    /// Data sources of type `prometheus`.
    pub(crate) sources: Result<Vec<DataSource>, ProbeError>,
    /// Titles of the dashboards tagged `stagelight`.
    pub(crate) dashboards: Vec<String>,
}

/// A data source of Grafana.
#[derive(Clone, Debug)]
pub(crate) struct DataSource {
    pub(crate) name: String,
    /// Address of Prometheus as Grafana's server uses it.
    pub(crate) url: String,
    /// The scrape interval setting, such as `15s`; empty for Grafana's default of 15 s.
    pub(crate) interval: String,
    /// Exemplar labels that link to a trace.
    pub(crate) exemplar_labels: Vec<String>,
    /// The error of Grafana's own health check.
    pub(crate) error: Option<String>,
    /// Number of stagelight's series, or the error of the query.
    pub(crate) series: Result<f64, ProbeError>,
}

// === impl Observed ===

impl<T> Observed<T> {
    /// Returns the observation of a server that responded.
    pub(crate) fn value(&self) -> Option<&T> {
        self.result.as_ref().ok()
    }

    /// Returns the error of a server that must respond.
    pub(crate) fn failure(&self) -> Option<&ProbeError> {
        self.result.as_ref().err().filter(|_| self.is_given)
    }

    /// Returns the reason to skip a server without a given address or a response at the default.
    pub(crate) fn absence(&self, flag: &str) -> Option<String> {
        let error = self.result.as_ref().err().filter(|_| !self.is_given)?;
        Some(format!("not given ({flag} URL); at the default, {}, {error}", self.url))
    }
}

// === impl ScrapePair ===

impl ScrapePair {
    /// Returns the increase of a total between the scrapes.
    ///
    /// A missing first value counts as 0; after a counter reset the increase is the second value.
    pub(crate) fn growth(&self, total: impl Fn(&Page) -> f64) -> f64 {
        let (before, after) = (total(&self.first), total(&self.second));
        if before <= after { after - before } else { after }
    }
}

// === impl CollectorObservations ===

impl CollectorObservations {
    /// Returns the probe of a `HOST:PORT`.
    pub(crate) fn probe_at(&self, authority: &str) -> Option<&Probe> {
        self.probes.iter().find(|it| it.url.contains(authority))
    }

    /// Returns an accepted probe of another address than this `HOST:PORT`.
    pub(crate) fn accepted_elsewhere(&self, authority: &str) -> Option<&Probe> {
        self.probes.iter().find(|it| it.is_accepted() && !it.url.ends_with(authority))
    }
}

// === impl Probe ===

impl Probe {
    /// Returns whether the receiver accepted one of the two protocols.
    pub(crate) const fn is_accepted(&self) -> bool {
        self.http.is_ok() || self.grpc.is_ok()
    }

    /// Returns whether a server responded in any way.
    pub(crate) fn is_reachable(&self) -> bool {
        let reached =
            |it: &Result<(), ProbeError>| it.as_ref().err().is_none_or(|it| !it.is_unreachable());
        reached(&self.http) || reached(&self.grpc)
    }

    /// Returns whether the receiver rejected the probe's credentials.
    pub(crate) fn is_access_denied(&self) -> bool {
        let denied =
            |it: &Result<(), ProbeError>| it.as_ref().is_err_and(ProbeError::is_access_denied);
        denied(&self.http) || denied(&self.grpc)
    }

    /// Returns the more specific error of the two, if both protocols failed.
    pub(crate) fn failure(&self) -> Option<&ProbeError> {
        let (http, grpc) = (self.http.as_ref().err()?, self.grpc.as_ref().err()?);
        let is_vague =
            |it: &ProbeError| matches!(it, ProbeError::OtherProtocol | ProbeError::Disconnected(_));
        Some(if is_vague(http) && !is_vague(grpc) { grpc } else { http })
    }

    /// Returns the accepted protocol as a value of `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub(crate) const fn protocol(&self) -> &'static str {
        if self.grpc.is_ok() { "grpc" } else { "http/protobuf" }
    }
}
