//! Settings, and how a service starts.

use std::{io::IsTerminal, time::Duration};

use stagelight_otel::{
    Compression, Config, Environment, Exporter, Histograms, Propagation, Protocol, Sampler,
    StartError,
    config::{Endpoint, ForcingHeader},
};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{filter::LogFilter, telemetry::Telemetry};

/// Starts measuring and exporting with the settings of the environment, and installs a global
/// `tracing` subscriber.
///
/// Short for [`builder()`]`.`[`init()`](Builder::init).
///
/// # Errors
///
/// As [`Builder::init`].
pub fn init() -> Result<Telemetry, InitError> {
    builder().init()
}

/// Returns a builder with the settings of the process's environment.
pub fn builder() -> Builder {
    Builder::from_env(&Environment::process())
}

/// The settings of a service, and how it starts.
///
/// Starts from the environment; a setter overrides it. The variables and their defaults are listed
/// at [`otel::env::variables`](crate::otel::env::variables). A setter given an invalid value keeps
/// the error for [`init`](Self::init) or [`build`](Self::build).
///
/// ```no_run
/// use std::time::Duration;
/// use stagelight::otel::Sampler;
///
/// let telemetry = stagelight::builder()
///     .service_name("gateway")
///     .otlp_endpoint("http://collector:4318")
///     .sampler(Sampler::ParentBasedRatio(0.1))
///     .route_ratio("/healthz", 0.0)
///     .export_interval(Duration::from_secs(15))
///     .init()?;
/// # Ok::<(), stagelight::InitError>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `init` or `build`"]
pub struct Builder {
    config: Config,
    log_directives: Option<String>,
    /// The first error of a setter.
    error: Option<StartError>,
}

/// Why [`init`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The exporters could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The process already has a global subscriber.
    #[error(
        "a global tracing subscriber is already set: use `stagelight::builder().build()` and add \
         its `tracing_layer()` to that subscriber"
    )]
    SubscriberSet(#[source] tracing_subscriber::util::TryInitError),
}

// === impl Builder ===

impl Builder {
    /// Returns a builder with the settings of an environment, which in tests need not be the
    /// process's.
    pub fn from_env(environment: &Environment) -> Self {
        Self {
            config: Config::from_env(environment),
            log_directives: environment.get("RUST_LOG"),
            error: None,
        }
    }

    /// Sets `service.name`. Defaults to `OTEL_SERVICE_NAME`, then `unknown_service:` and the
    /// program's name.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        self.resource_attribute("service.name", name)
    }

    /// Adds a resource attribute, which is exported with metrics and traces. Overrides
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn resource_attribute(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configure(|config| config.resource.push((name.into(), value.into())))
    }

    /// Sets the collector's address for metrics and traces: `http://HOST[:PORT][/PATH]`,
    /// `https://…` or, for gRPC, `HOST:PORT`.
    ///
    /// Over HTTP, `/v1/traces` and `/v1/metrics` are appended. Defaults to
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, then `http://localhost:4318` (gRPC: `http://localhost:4317`).
    pub fn otlp_endpoint(self, endpoint: &str) -> Self {
        self.try_configure(|config| {
            let endpoint = Endpoint::base(endpoint)?;
            config.traces.endpoint = Some(endpoint.clone());
            config.metrics.endpoint = Some(endpoint);
            Ok(())
        })
    }

    /// Sets the OTLP transport of metrics and traces. Defaults to `OTEL_EXPORTER_OTLP_PROTOCOL`,
    /// then HTTP, or gRPC if OTLP over HTTP is not compiled in.
    pub fn otlp_protocol(self, protocol: Protocol) -> Self {
        self.configure(|config| {
            config.traces.protocol = protocol;
            config.metrics.protocol = protocol;
        })
    }

    /// Sets a header of each export, for example an API key. Added to those of
    /// `OTEL_EXPORTER_OTLP_HEADERS`, overriding one of the same name.
    pub fn otlp_header(self, name: &str, value: &str) -> Self {
        self.try_configure(|config| {
            config.traces.set_header(name, value)?;
            config.metrics.set_header(name, value)?;
            Ok(())
        })
    }

    /// Sets the compression of exports. Defaults to `OTEL_EXPORTER_OTLP_COMPRESSION`, then none.
    pub fn otlp_compression(self, compression: Compression) -> Self {
        self.configure(|config| {
            config.traces.compression = compression;
            config.metrics.compression = compression;
        })
    }

    /// Sets the limit for one export, retries included. Defaults to `OTEL_EXPORTER_OTLP_TIMEOUT`,
    /// then 10 s.
    pub fn otlp_timeout(self, timeout: Duration) -> Self {
        self.configure(|config| {
            config.traces.timeout = timeout;
            config.metrics.timeout = timeout;
        })
    }

    /// Sets where spans are exported to. Defaults to `OTEL_TRACES_EXPORTER`, then
    /// [`Exporter::Otlp`].
    pub fn traces_exporter(self, exporter: Exporter) -> Self {
        self.configure(|config| config.traces_exporter = exporter)
    }

    /// Sets where metrics are exported to. Defaults to `OTEL_METRICS_EXPORTER`, then
    /// [`Exporter::Otlp`].
    pub fn metrics_exporter(self, exporter: Exporter) -> Self {
        self.configure(|config| config.metrics_exporter = exporter)
    }

    /// Sets the time between two exports of metrics, at least 1 ms. Defaults to
    /// `OTEL_METRIC_EXPORT_INTERVAL`, then 60 s.
    pub fn export_interval(self, interval: Duration) -> Self {
        self.configure(|config| config.export_interval = interval)
    }

    /// Sets the histogram format of stagelight's and your own instruments. Defaults to
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, then [`Histograms::Explicit`].
    pub fn histograms(self, histograms: Histograms) -> Self {
        self.configure(|config| config.histograms = histograms)
    }

    /// Sets which traces are recorded. Defaults to `OTEL_TRACES_SAMPLER`, then
    /// [`Sampler::ParentBasedAlwaysOn`].
    pub fn sampler(self, sampler: Sampler) -> Self {
        self.configure(|config| config.sampler = sampler)
    }

    /// Samples this ratio of a route's requests instead of the sampler's. Overrides
    /// `STAGELIGHT_TRACES_ENDPOINT_RATIOS` for the route.
    ///
    /// `ratio` is clamped to 0 to 1. With a parent-based sampler, the caller's decision still
    /// comes first. `route` is the template known when the request's span is created; a route that
    /// is matched later is left to the sampler.
    pub fn route_ratio(self, route: impl Into<String>, ratio: f64) -> Self {
        self.configure(|config| config.rules.set_ratio(route, ratio))
    }

    /// Always samples requests that carry this header with this value, overriding sampler, caller
    /// and per-route ratio. Defaults to `STAGELIGHT_TRACES_FORCING_HEADER`, then none.
    ///
    /// Anyone who knows the value can force any number of traces: make it hard to guess, or strip
    /// the header at the edge. Backends receive `traceparent` with the sampled flag, and not the
    /// header.
    pub fn forcing_header(self, name: &str, value: &str) -> Self {
        self.try_configure(|config| {
            config.rules.forcing = Some(ForcingHeader::new(name, value)?);
            Ok(())
        })
    }

    /// Sets the formats in which trace context is propagated. Defaults to `OTEL_PROPAGATORS`, then
    /// trace context and baggage.
    pub fn propagators(self, formats: impl IntoIterator<Item = Propagation>) -> Self {
        self.configure(|config| config.propagation = formats.into_iter().collect())
    }

    /// Sets the number of open requests up to which all are measured, from 1 to 1,048,576, at 2.1
    /// KiB each. Of further ones only duration and outcome are recorded. Defaults to
    /// `STAGELIGHT_MAX_REQUESTS`, then 16,384.
    pub fn max_requests(self, requests: u32) -> Self {
        self.configure(|config| config.max_requests = requests)
    }

    /// Sets the limit for flushing and for shutting down. Defaults to
    /// `STAGELIGHT_SHUTDOWN_TIMEOUT`, then 5 s.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        self.configure(|config| config.shutdown_timeout = timeout)
    }

    /// Sets whether an invalid variable is an error instead of a warning. Defaults to
    /// `STAGELIGHT_STRICT`, then false.
    pub fn strict(self, strict: bool) -> Self {
        self.configure(|config| config.strict = strict)
    }

    /// Sets whether to export nothing and make no traces. Requests are still measured. Defaults to
    /// `OTEL_SDK_DISABLED`, then false.
    pub fn disabled(self, disabled: bool) -> Self {
        self.configure(|config| config.disabled = disabled)
    }

    /// Changes settings that have no setter of their own, such as those of one signal.
    ///
    /// ```
    /// let builder = stagelight::builder().configure(|config| config.spans.queue = 100_000);
    /// ```
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts measuring and exporting, and installs a global `tracing` subscriber.
    ///
    /// The subscriber has the [tracing layer](Telemetry::tracing_layer) and logs to standard error,
    /// filtered by `RUST_LOG` (`info` when unset). Spans of requests and stages are enabled
    /// regardless of `RUST_LOG`. The first `Telemetry` of a process becomes its global one; see
    /// [`build`](Self::build).
    ///
    /// Logs the exporters' destinations, and each invalid variable, once, with the target
    /// `stagelight`.
    ///
    /// Works inside and outside of an async runtime; exporters run on a thread of their own.
    ///
    /// # Errors
    ///
    /// - [`InitError::Start`] as for [`build`](Self::build);
    /// - [`InitError::SubscriberSet`] if there is a global subscriber already.
    pub fn init(mut self) -> Result<Telemetry, InitError> {
        let (filter, bad_directive) = LogFilter::new(self.log_directives.take().as_deref());
        let telemetry = self.start()?;
        let report = telemetry.take_report();
        stagelight_tracing::registry()
            .with(filter)
            .with(telemetry.tracing_layer())
            .with(logs())
            .try_init()
            .map_err(InitError::SubscriberSet)?;
        telemetry.set_global();
        if let Some(report) = report {
            report.log();
        }
        if let Some(error) = bad_directive {
            tracing::warn!(target: "stagelight", "invalid RUST_LOG, using `info`: {error}");
        }
        Ok(telemetry)
    }

    /// Starts measuring and exporting, and leaves the `tracing` subscriber to the caller.
    ///
    /// Add [`Telemetry::tracing_layer`] to it. When that subscriber is installed, the exporters'
    /// destinations and each invalid variable are logged, once, with the target `stagelight`.
    ///
    /// The first `Telemetry` of a process becomes its global one: [`client`](crate::client)
    /// requests are measured by it, and the OpenTelemetry API's global providers and propagator are
    /// its own.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a setter was given an invalid value, if a setting needs a feature that is
    /// off, if a certificate cannot be read, or if the settings are [`strict`](Self::strict) and a
    /// variable is invalid. An unreachable collector is not an error: it is logged once, and again
    /// when it is reachable.
    pub fn build(self) -> Result<Telemetry, StartError> {
        let telemetry = self.start()?;
        telemetry.set_global();
        Ok(telemetry)
    }

    fn start(self) -> Result<Telemetry, StartError> {
        match self.error {
            None => Telemetry::start(self.config),
            Some(error) => Err(error),
        }
    }

    /// Changes the settings, or keeps the error unless there is one already.
    fn try_configure(mut self, change: impl FnOnce(&mut Config) -> Result<(), StartError>) -> Self {
        let changed = change(&mut self.config);
        self.error = self.error.or_else(|| changed.err());
        self
    }
}

/// Returns the layer that logs to standard error, in colour if it is a terminal.
fn logs<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let stderr = std::io::stderr;
    tracing_subscriber::fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Builder {
        Builder::from_env(&Environment::from_pairs::<&str, &str>([]))
    }

    #[test]
    fn a_setter_overrides_the_environment() {
        let environment = Environment::from_pairs([
            ("OTEL_SERVICE_NAME", "environment"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://environment:1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=environment"),
        ]);
        let config = Builder::from_env(&environment)
            .service_name("call")
            .otlp_timeout(Duration::from_secs(2))
            .otlp_protocol(Protocol::HttpProtobuf)
            .otlp_endpoint("http://call:2")
            .otlp_header("Key", "call")
            .config;
        assert_eq!(config.resource.last().unwrap().1, "call");
        assert_eq!(config.traces.timeout, Duration::from_secs(2));
        assert_eq!(config.metrics.headers.get_all("key").iter().collect::<Vec<_>>(), ["call"]);
        let summary = config.summary();
        assert!(summary.contains("traces to http://call:2/v1/traces over"), "{summary}");
        assert!(summary.contains("metrics to http://call:2/v1/metrics over"), "{summary}");
    }

    #[test]
    fn the_first_invalid_value_is_the_error_of_build() {
        let builder = empty().otlp_endpoint("unix:/socket").otlp_header("a b", "c").strict(true);
        assert!(matches!(builder.build(), Err(StartError::Endpoint(_))));
        let builder = empty().forcing_header("x-trace-me", "");
        assert!(matches!(builder.build(), Err(StartError::Header(_))));
    }
}
