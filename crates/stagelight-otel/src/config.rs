//! The settings of a pipeline.

mod endpoint;
mod from_env;
mod otlp;
mod proxies;
mod rules;
mod sampler;
mod spans;
mod summary;

use std::time::Duration;

use crate::{
    env::{EnvProblem, Environment},
    signal::Signal,
};

use proxies::Proxies;

pub use endpoint::{Endpoint, EndpointError};
pub use otlp::{Compression, HeaderError, OtlpConfig, Protocol, TlsFiles};
pub use rules::{ForcingHeader, SamplingRules};
pub use sampler::Sampler;
pub use spans::SpanLimits;

/// The shortest time between two exports: a timer cannot tick without a pause.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The settings of a [`Pipeline`](crate::Pipeline).
///
/// [`from_env`](Self::from_env) fills in every field; change the fields afterwards to override the
/// environment. [`env::variables`](crate::env::variables) lists the variables and their defaults.
///
/// ```
/// use std::time::Duration;
/// use stagelight_otel::{Config, Environment, Exporter};
///
/// let environment = Environment::from_pairs([("OTEL_SERVICE_NAME", "gateway")]);
/// let mut config = Config::from_env(&environment);
/// config.traces_exporter = Exporter::None;
/// config.export_interval = Duration::from_secs(10);
/// assert!(config.problems.is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Variables with an invalid value, for which the default is used.
    pub problems: Vec<EnvProblem>,
    /// Whether [`problems`](Self::problems) are an error. `STAGELIGHT_STRICT`.
    pub strict: bool,
    /// Whether nothing is exported and no trace is made. `OTEL_SDK_DISABLED`.
    pub disabled: bool,
    /// Resource attributes, exported with both signals; a later one overrides an earlier one of the
    /// same name. `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`.
    pub resource: Vec<(String, String)>,
    /// Where spans are exported to. `OTEL_TRACES_EXPORTER`.
    pub traces_exporter: Exporter,
    /// Where metrics are exported to. `OTEL_METRICS_EXPORTER`.
    pub metrics_exporter: Exporter,
    /// The OTLP exporter of traces. `OTEL_EXPORTER_OTLP_…`, `OTEL_EXPORTER_OTLP_TRACES_…`.
    pub traces: OtlpConfig,
    /// The OTLP exporter of metrics. `OTEL_EXPORTER_OTLP_…`, `OTEL_EXPORTER_OTLP_METRICS_…`.
    pub metrics: OtlpConfig,
    /// Time between two exports of metrics, at least 1 ms. `OTEL_METRIC_EXPORT_INTERVAL`.
    pub export_interval: Duration,
    /// Limit for collecting and exporting metrics once. `OTEL_METRIC_EXPORT_TIMEOUT`.
    pub export_timeout: Duration,
    /// The histogram format of stagelight's and your own instruments.
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`.
    ///
    /// stagelight's histograms are exported as exponential ones where the engine keeps fine
    /// buckets: all of them in an engine with
    /// [fine histograms](stagelight_core::Engine::with_fine_histograms), which the facade makes
    /// for this setting, otherwise those with quantiles.
    pub histograms: Histograms,
    /// Which traces are recorded. `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`.
    pub sampler: Sampler,
    /// Sampling rules that override the sampler for some requests.
    pub rules: SamplingRules,
    /// Limits for a span, and for the spans waiting to be exported.
    pub spans: SpanLimits,
    /// Proxies for HTTP clients, which exports do not use.
    proxies: Proxies,
    /// How trace context is propagated. `OTEL_PROPAGATORS`.
    pub propagation: Vec<Propagation>,
    /// Open requests up to which all are measured, for the engine; [`Pipeline`](crate::Pipeline)
    /// does not use it. `STAGELIGHT_MAX_REQUESTS`.
    pub max_requests: u32,
    /// Limit for flushing and shutting down. `STAGELIGHT_SHUTDOWN_TIMEOUT`.
    pub shutdown_timeout: Duration,
}

/// Where a signal is exported to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exporter {
    /// To a collector, over OTLP.
    #[default]
    Otlp,
    /// To standard output, in human-readable lines.
    Console,
    /// Nowhere.
    None,
}

/// The histogram format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Histograms {
    /// Explicit buckets, those of the catalogue. Prometheus shows `_bucket`, `_sum` and `_count`.
    #[default]
    Explicit,
    /// Base-2 exponential buckets, each 2.2 % wide, or wider when there would be more than 160 of
    /// them. Prometheus shows one native histogram.
    Exponential,
}

/// A format in which trace context is propagated between processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagation {
    /// W3C Trace Context: `traceparent` and `tracestate`.
    TraceContext,
    /// W3C Baggage: `baggage`.
    Baggage,
}

// === impl Config ===

impl Config {
    /// Reads the settings from the environment.
    ///
    /// An invalid value is added to [`problems`](Self::problems), and the default is used.
    #[must_use]
    pub fn from_env(environment: &Environment) -> Self {
        from_env::read(environment)
    }

    /// Describes destinations, export interval and sampling in one line.
    ///
    /// Holds no secrets: addresses are shown without their query, headers not at all.
    #[must_use]
    pub fn summary(&self) -> String {
        summary::of(self)
    }

    /// Returns the variable that sets a proxy for the address of an exporter, if there is one.
    ///
    /// Exports connect directly, so they fail where only the proxy reaches the collector. Reads
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` in either case. Loopback addresses
    /// have no proxy.
    #[must_use]
    pub fn ignored_proxy(&self) -> Option<&'static str> {
        let exported = Signal::ALL.into_iter().filter(|it| self.exporter(*it) == Exporter::Otlp);
        let mut addresses = exported.filter_map(|it| self.otlp(it).address(it).ok());
        addresses.find_map(|it| self.proxies.variable_for(&it))
    }

    /// Returns the settings with intervals, queue and batch within their bounds.
    pub(crate) fn within_bounds(mut self) -> Self {
        self.export_interval = self.export_interval.max(MIN_INTERVAL);
        self.spans.delay = self.spans.delay.max(MIN_INTERVAL);
        self.spans.queue = self.spans.queue.max(1);
        self.spans.batch = self.spans.batch.clamp(1, self.spans.queue);
        self
    }

    /// Returns where a signal is exported to; [`Exporter::None`] when disabled.
    pub(crate) fn exporter(&self, signal: Signal) -> Exporter {
        match signal {
            _ if self.disabled => Exporter::None,
            Signal::Traces => self.traces_exporter,
            Signal::Metrics => self.metrics_exporter,
        }
    }

    pub(crate) fn otlp(&self, signal: Signal) -> &OtlpConfig {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
        }
    }
}

// === impl Histograms ===

impl Histograms {
    /// Returns the format with this name in the OpenTelemetry specification.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "explicit_bucket_histogram" => Some(Self::Explicit),
            "base2_exponential_bucket_histogram" => Some(Self::Exponential),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
