//! What a pipeline is to do: defaults, then the environment, then the builder's calls.

mod endpoint;
mod from_env;
mod histograms;
mod otlp;
mod rules;
mod sampler;
mod spans;

use std::time::Duration;

use crate::{
    env::{EnvProblem, Environment},
    signal::Signal,
};

pub(crate) use endpoint::Endpoint;
pub use endpoint::EndpointError;
pub use histograms::Histograms;
pub use otlp::{Compression, HeaderError, Protocol};
pub(crate) use otlp::{OtlpConfig, TlsFiles};
pub(crate) use rules::{ForcingHeader, SamplingRules};
pub use sampler::Sampler;
pub(crate) use spans::SpanLimits;

/// Where a signal goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exporter {
    /// To a collector, over OTLP.
    #[default]
    Otlp,
    /// To standard output, in lines for people.
    Console,
    /// Nowhere.
    None,
}

/// A way in which trace context crosses process borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagation {
    /// W3C Trace Context: `traceparent` and `tracestate`.
    TraceContext,
    /// W3C Baggage: `baggage`.
    Baggage,
}

/// The settings of a [`Pipeline`](crate::Pipeline).
///
/// Made from the environment; what is set by a call goes before it.
///
/// ```
/// use std::time::Duration;
/// use stagelight_otel::{Config, Environment, Exporter};
///
/// let environment = Environment::from_pairs([("OTEL_SERVICE_NAME", "gateway")]);
/// let config = Config::from_env(&environment)
///     .with_traces_exporter(Exporter::None)
///     .with_export_interval(Duration::from_secs(10));
/// assert!(config.problems().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) problems: Vec<EnvProblem>,
    pub(crate) strict: bool,
    pub(crate) disabled: bool,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) traces_exporter: Exporter,
    pub(crate) metrics_exporter: Exporter,
    pub(crate) traces: OtlpConfig,
    pub(crate) metrics: OtlpConfig,
    pub(crate) export_interval: Duration,
    pub(crate) export_timeout: Duration,
    pub(crate) histograms: Histograms,
    pub(crate) sampler: Sampler,
    pub(crate) rules: SamplingRules,
    pub(crate) spans: SpanLimits,
    pub(crate) propagation: Vec<Propagation>,
    pub(crate) shutdown_timeout: Duration,
}

// === impl Config ===

impl Config {
    /// Reads the settings from the environment.
    ///
    /// A value that cannot be used is kept among the [`problems`](Self::problems), and the default is taken.
    #[must_use]
    pub fn from_env(environment: &Environment) -> Self {
        from_env::read(environment)
    }

    /// Returns what was wrong with the environment.
    #[must_use]
    pub fn problems(&self) -> &[EnvProblem] {
        &self.problems
    }

    /// Sets `service.name`.
    ///
    /// Defaults to `OTEL_SERVICE_NAME`, then `unknown_service:` and the program's name.
    #[must_use]
    pub fn with_service_name(self, name: impl Into<String>) -> Self {
        self.with_resource_attribute("service.name", name)
    }

    /// Sets an attribute of the resource, which goes with everything that is exported.
    #[must_use]
    pub fn with_resource_attribute(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.resource.push((name.into(), value.into()));
        self
    }

    /// Sets the collector's address for both signals: `http://HOST[:PORT][/PATH]`, `https://…`, or for gRPC `HOST:PORT`.
    ///
    /// Over HTTP `/v1/traces` and `/v1/metrics` are appended. Defaults to `OTEL_EXPORTER_OTLP_ENDPOINT`, then
    /// `http://localhost:4318`, for gRPC `http://localhost:4317`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if it is not such an address.
    pub fn with_endpoint(mut self, endpoint: &str) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::base(endpoint)?;
        self.traces.endpoint = Some(endpoint.clone());
        self.metrics.endpoint = Some(endpoint);
        Ok(self)
    }

    /// Sets how OTLP is spoken, for both signals.
    ///
    /// Defaults to `OTEL_EXPORTER_OTLP_PROTOCOL`, then [`Protocol::HttpProtobuf`], or gRPC without the feature `otlp-http`.
    #[must_use]
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.traces.protocol = protocol;
        self.metrics.protocol = protocol;
        self
    }

    /// Adds a header to each export of both signals, for example an API key. Defaults to `OTEL_EXPORTER_OTLP_HEADERS`.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if name or value are not allowed in HTTP.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        let (name, value) = otlp::header(name, value)?;
        for otlp in [&mut self.traces, &mut self.metrics] {
            otlp.headers.insert(name.clone(), value.clone());
        }
        Ok(self)
    }

    /// Sets how what is sent is compressed. Defaults to `OTEL_EXPORTER_OTLP_COMPRESSION`, then not at all.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.traces.compression = compression;
        self.metrics.compression = compression;
        self
    }

    /// Sets the most time for one export, retries included. Defaults to `OTEL_EXPORTER_OTLP_TIMEOUT`, then 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.traces.timeout = timeout;
        self.metrics.timeout = timeout;
        self
    }

    /// Sets where spans go. Defaults to `OTEL_TRACES_EXPORTER`, then [`Exporter::Otlp`].
    #[must_use]
    pub fn with_traces_exporter(mut self, exporter: Exporter) -> Self {
        self.traces_exporter = exporter;
        self
    }

    /// Sets where metrics go. Defaults to `OTEL_METRICS_EXPORTER`, then [`Exporter::Otlp`].
    #[must_use]
    pub fn with_metrics_exporter(mut self, exporter: Exporter) -> Self {
        self.metrics_exporter = exporter;
        self
    }

    /// Sets the time between two exports of metrics; shorter than 1 ms is taken as 1 ms.
    ///
    /// Defaults to `OTEL_METRIC_EXPORT_INTERVAL`, then 60 s.
    #[must_use]
    pub fn with_export_interval(mut self, interval: Duration) -> Self {
        // A timer cannot tick without time between.
        self.export_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets as what histograms are exported: ours, and those of the program's own instruments.
    ///
    /// Ours are exported as exponential ones where the engine keeps what that takes: all of them in an engine
    /// [with fine histograms](stagelight_core::Engine::with_fine_histograms), which `Telemetry::start` makes then, else those with quantiles. Defaults to
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, then [`Histograms::Explicit`].
    #[must_use]
    pub fn with_histograms(mut self, histograms: Histograms) -> Self {
        self.histograms = histograms;
        self
    }

    /// Returns as what histograms are exported.
    #[must_use]
    pub const fn histograms(&self) -> Histograms {
        self.histograms
    }

    /// Sets which traces are recorded. Defaults to `OTEL_TRACES_SAMPLER`, then [`Sampler::ParentBasedAlwaysOn`].
    #[must_use]
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Sets which part of an endpoint's requests is traced, from 0 to 1, in place of the sampler's; a ratio outside of that counts as the
    /// nearer of the two.
    ///
    /// With a sampler that is parent-based a caller's decision goes before it. The endpoint is the route template as it is known when
    /// the request's span is made: of a route that is matched later, the sampler decides. For requests whose traces are made through
    /// `Telemetry::layer` ([`request_traces`](crate::Pipeline::request_traces)). Defaults to `STAGELIGHT_TRACES_ENDPOINT_RATIOS`; a call for the same endpoint goes before it.
    #[must_use]
    pub fn with_endpoint_ratio(mut self, endpoint: impl Into<String>, ratio: f64) -> Self {
        self.rules.set_ratio(endpoint.into(), ratio);
        self
    }

    /// Sets a header that has a request traced when it comes with this value, whatever the sampler, the caller and the endpoint's ratio say.
    ///
    /// Whoever knows the value can have any number of requests traced: let it be hard to guess, or take the header off at the border. Backends are
    /// sent `traceparent` with the flag on, and not the header. For the same requests as
    /// [`with_endpoint_ratio`](Self::with_endpoint_ratio). Defaults to `STAGELIGHT_TRACES_FORCING_HEADER`, then no header.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if name or value are not allowed in HTTP, or the value is empty.
    pub fn with_forcing_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        self.rules.forcing = Some(ForcingHeader::new(name, value)?);
        Ok(self)
    }

    /// Sets how trace context crosses process borders. Defaults to `OTEL_PROPAGATORS`, then both.
    #[must_use]
    pub fn with_propagation(mut self, ways: impl IntoIterator<Item = Propagation>) -> Self {
        self.propagation = ways.into_iter().collect();
        self
    }

    /// Sets the most time that delivering the rest may take at the end.
    ///
    /// Defaults to `STAGELIGHT_SHUTDOWN_TIMEOUT`, then 5 s.
    #[must_use]
    pub fn with_shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets whether a problem with the environment is an error. Defaults to `STAGELIGHT_STRICT`, then false.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets whether to export nothing at all. Defaults to `OTEL_SDK_DISABLED`, then false.
    #[must_use]
    pub fn with_disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Returns where a signal goes, with [`Exporter::None`] for all when disabled.
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

#[cfg(test)]
mod tests;
