//! The handle that a service keeps.

use std::io::IsTerminal;

use opentelemetry::metrics::Meter;
use stagelight_core::{Clock, Engine};
use stagelight_http::HttpLayer;
use stagelight_otel::{Config, Environment, Histograms, Pipeline, ShutdownError, StartError};
use stagelight_tracing::StageLayer;
use tracing::Subscriber;
use tracing_subscriber::{
    Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::filter::LogFilter;

/// What a service measures and exports.
///
/// Keep it until the end: dropping it sends what is left, within the shutdown timeout, and stops. [`shutdown`](Self::shutdown) does the
/// same and tells what could not be delivered.
#[derive(Debug)]
pub struct Telemetry {
    engine: Engine,
    pipeline: Pipeline,
}

/// Why [`init`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The exporters could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The process has a global subscriber already.
    #[error(
        "a global tracing subscriber is set already; use `Telemetry::start` and add its layers to yours"
    )]
    SubscriberSet(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts measuring and exporting as the environment says, and installs a global `tracing` subscriber.
///
/// The subscriber has [the layer](Telemetry::layer) that measures and makes traces, and logs on standard error as `RUST_LOG` says (`info` when it is
/// unset). Spans that are measured are enabled whatever `RUST_LOG` says. For another composition see [`Telemetry::start`].
///
/// Works inside and outside an async runtime; exporters run on a thread of their own. The variables are listed at
/// [`Config`].
///
/// # Errors
///
/// - [`InitError::Start`] if a setting cannot work in this build, or `STAGELIGHT_STRICT=1` and a variable cannot be used;
/// - [`InitError::SubscriberSet`] if there is a global subscriber already.
///
/// A collector that cannot be reached is no error: it is reported in the log, once, and again when it is back.
pub fn init() -> Result<Telemetry, InitError> {
    init_with(Config::from_env(&Environment::process()))
}

/// Does what [`init`] does, with settings of the program's own.
///
/// # Errors
///
/// As [`init`].
pub fn init_with(config: Config) -> Result<Telemetry, InitError> {
    let directives = Environment::process().get("RUST_LOG");
    let (filter, bad_directive) = LogFilter::new(directives.as_deref());
    let telemetry = Telemetry::start(config)?;
    stagelight_tracing::registry()
        .with(filter)
        .with(telemetry.layer())
        .with(logs())
        .try_init()
        .map_err(InitError::SubscriberSet)?;
    // Told now that there is somebody to tell.
    telemetry.report_problems();
    if let Some(error) = bad_directive {
        tracing::warn!(target: "stagelight", "RUST_LOG cannot be used, `info` is: {error}");
    }
    Ok(telemetry)
}

/// Lines on standard error, in colour if somebody looks.
fn logs<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let stderr = std::io::stderr;
    tracing_subscriber::fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr)
}

// === impl Telemetry ===

impl Telemetry {
    /// Starts measuring and exporting, and leaves the `tracing` subscriber to the caller.
    ///
    /// Add [`layer`](Self::layer) to it. The first one started is the process'
    /// own: [`client`](crate::client) calls use its engine ([`Engine::global`]), and the OpenTelemetry API its providers.
    ///
    /// # Errors
    ///
    /// If a setting cannot work in this build, or the settings are strict and a variable cannot be used. Otherwise
    /// [`report_problems`](Self::report_problems) tells which variables could not be used.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let engine = match config.histograms() {
            Histograms::Exponential => Engine::with_fine_histograms(Clock::new()),
            _ => Engine::new(),
        };
        let pipeline = Pipeline::start(&engine, config)?;
        if engine.set_global() {
            pipeline.set_global();
        }
        Ok(Self { engine, pipeline })
    }

    /// Returns the engine, which holds all that is measured.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the tower layer that measures requests; see [`HttpLayer`] for its options.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        HttpLayer::new(&self.engine)
    }

    /// Returns a router with `GET /metrics`: the catalogue's metrics as Prometheus text, those about the export included, so that
    /// what is wrong with the export can be seen without it.
    ///
    /// Instruments made with [`meter`](Self::meter) are not in it; they travel over OTLP.
    #[cfg(feature = "axum")]
    pub fn metrics_router(&self) -> axum::Router {
        let page = stagelight_live::prometheus::MetricsPage::new(&self.engine);
        stagelight_live::prometheus::router_of(
            page.with_collector(self.pipeline.exporter_metrics()),
        )
    }

    /// Returns an OpenTelemetry meter for the program's own instruments: same resource, same export, same interval.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.pipeline.meter(name)
    }

    /// Returns the layer that measures stages and makes OpenTelemetry traces.
    ///
    /// The sampler is asked once for each request, when its span is made. Spans of a request that is not sampled cost no more than being
    /// measured; its trace goes on to backends all the same. Spans outside of requests are sampled as OpenTelemetry does.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let (layer, policy) = self.pipeline.request_traces::<S>();
        StageLayer::new(&self.engine).with_span_recorder(layer, policy)
    }

    /// Returns the layer that measures stages, and makes no traces.
    ///
    /// For traces too, [`layer`](Self::layer) costs less than this and [`trace_layer`](Self::trace_layer), where not all are sampled.
    #[must_use]
    pub fn stage_layer(&self) -> StageLayer {
        StageLayer::new(&self.engine)
    }

    /// Returns the layer that makes OpenTelemetry traces of all spans, which [`layer`](Self::layer) has inside.
    pub fn trace_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        self.pipeline.tracing_layer()
    }

    /// Logs what was wrong with the environment, each as a warning with the target `stagelight`.
    ///
    /// [`init`] does it; after [`start`](Self::start) it is the caller's to do, once there is a subscriber.
    pub fn report_problems(&self) {
        self.pipeline.report_problems();
    }

    /// Sends what has been measured so far, without stopping.
    ///
    /// Blocks for the shutdown timeout (5 s by default) at most; in async code [`flush_async`](Self::flush_async) lets other tasks
    /// go on.
    ///
    /// # Errors
    ///
    /// Tells what could not be delivered. It is not lost: the next export carries it.
    pub fn flush(&self) -> Result<(), ShutdownError> {
        self.pipeline.flush()
    }

    /// Does what [`flush`](Self::flush) does, without blocking the thread. Works in any runtime.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self) -> Result<(), ShutdownError> {
        self.pipeline.flush_async().await
    }

    /// Sends what is left and stops exporting. Recording goes on, for other readers. Later calls do nothing.
    ///
    /// Blocks for the shutdown timeout (5 s by default) at most, which as the last act of a program is safe in async code, too;
    /// elsewhere [`shutdown_async`](Self::shutdown_async) lets other tasks go on.
    ///
    /// # Errors
    ///
    /// Tells what could not be delivered.
    pub fn shutdown(&self) -> Result<(), ShutdownError> {
        self.pipeline.shutdown()
    }

    /// Does what [`shutdown`](Self::shutdown) does, without blocking the thread. Works in any runtime.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_async(&self) -> Result<(), ShutdownError> {
        self.pipeline.shutdown_async().await
    }
}
