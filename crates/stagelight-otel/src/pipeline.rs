//! The pipeline: starts, flushes and ends all exports together.

mod destinations;
mod parts;
mod workers;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use opentelemetry::{
    global,
    metrics::{Meter, MeterProvider as _},
    trace::{Tracer, TracerProvider as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use stagelight_core::{Engine, SamplingPolicy, Snapshot};
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::{
    config::{Config, Propagation},
    deadline,
    delivery::ShutdownError,
    id_generator::RequestTracer,
    propagation::{self, ContextPropagator},
    request_sampler::RequestSampler,
    sampling_policy::RequestSamplingPolicy,
    start_error::StartError,
};
use parts::Parts;
use workers::Workers;

/// Extra time that a blocked caller waits for a reply sent at the time limit.
const REPLY_GRACE: Duration = Duration::from_millis(200);

/// Exports traces and metrics until it is shut down or dropped.
///
/// Works inside and outside of any async runtime; it has its own. Dropping it does the same as
/// [`shutdown`](Self::shutdown), but does not report undelivered telemetry.
///
/// ```
/// use stagelight_core::Engine;
/// use stagelight_otel::{Config, Environment, Exporter, Pipeline};
/// use tracing_subscriber::prelude::*;
///
/// let mut config = Config::from_env(&Environment::process());
/// config.traces_exporter = Exporter::Console;
/// config.metrics_exporter = Exporter::None;
/// let pipeline = Pipeline::start(&Engine::new(), config)?;
/// let subscriber = tracing_subscriber::registry().with(pipeline.tracing_layer());
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info_span!("work").in_scope(|| {});
/// });
/// pipeline.shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pipeline {
    parts: Parts,
    creates_traces: bool,
    sampler: RequestSampler,
    propagation: Vec<Propagation>,
    shutdown_timeout: Duration,
    is_shut_down: AtomicBool,
}

// === impl Pipeline ===

impl Pipeline {
    /// Starts exporting the measurements of `engine`, and sets the engine's propagator if it has
    /// none.
    ///
    /// Does not connect. If the collector is unreachable, the first failed export logs a warning
    /// with the target `stagelight`, and the next successful one an event at level `INFO`.
    ///
    /// # Errors
    ///
    /// - [`StartError::Environment`] if the configuration is strict and has problems;
    /// - [`StartError::MissingFeature`], [`StartError::Endpoint`], [`StartError::Certificate`] or
    ///   [`StartError::Tls`] if the settings cannot be applied;
    /// - [`StartError::Thread`] if the system cannot start a thread.
    pub fn start(engine: &Engine, config: Config) -> Result<Self, StartError> {
        if config.strict && !config.problems.is_empty() {
            return Err(StartError::Environment { problems: config.problems });
        }
        let config = config.within_bounds();
        let parts = Parts::start(engine, &config)?;
        let creates_traces =
            !config.disabled && (parts.exports_spans() || !config.propagation.is_empty());
        let reads_headers = !config.propagation.is_empty() || config.rules.forcing.is_some();
        if creates_traces && reads_headers {
            let propagator = ContextPropagator::new(&config.propagation);
            let propagator = propagator.with_forcing(config.rules.forcing.clone());
            engine.set_propagator(Arc::new(propagator));
        }
        Ok(Self {
            parts,
            creates_traces,
            sampler: RequestSampler::new(config.sampler, &config.rules),
            propagation: config.propagation,
            shutdown_timeout: config.shutdown_timeout,
            is_shut_down: AtomicBool::new(false),
        })
    }

    /// Sets this pipeline's providers and propagator as the globals of the [`opentelemetry`] API.
    pub fn set_global(&self) {
        global::set_tracer_provider(self.parts.tracers.clone());
        global::set_meter_provider(self.parts.meters.clone());
        global::set_text_map_propagator(propagation::composite(&self.propagation));
    }

    /// Returns a meter for your own instruments, which are exported with the stage metrics.
    ///
    /// `name` is the instrumentation scope, for example a crate's name.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.parts.meters.meter(name)
    }

    /// Returns a function that adds the exporter's own metrics (`otel.sdk.*`) to a snapshot.
    ///
    /// The engine does not keep them. Local readers can use it to show them while the export fails.
    /// Adds nothing unless a signal is exported over OTLP.
    pub fn exporter_metrics(&self) -> impl Fn(&mut Snapshot) + Send + Sync + use<> {
        let metrics = Arc::clone(&self.parts.exporter_metrics);
        move |snapshot| metrics.add_to(snapshot)
    }

    /// Returns a layer that creates traces of all spans, or `None` if traces are neither exported
    /// nor propagated.
    ///
    /// Add it to a subscriber by itself. [`request_traces`](Self::request_traces) costs less.
    #[must_use]
    pub fn tracing_layer<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.creates_traces.then(|| otel_layer(self.tracer()))
    }

    /// Returns a layer that creates traces, to be nested in a `StageLayer`, and the sampling policy
    /// that decides which requests it sees.
    ///
    /// The layer is `None` if traces are neither exported nor propagated.
    #[must_use]
    pub fn request_traces<S>(
        &self,
    ) -> (Option<OpenTelemetryLayer<S, RequestTracer>>, Arc<dyn SamplingPolicy>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = self.creates_traces.then(|| otel_layer(RequestTracer(self.tracer())));
        (layer, Arc::new(RequestSamplingPolicy::new(self.sampler.clone())))
    }

    fn tracer(&self) -> SdkTracer {
        self.parts.tracers.tracer("stagelight")
    }

    /// Exports everything recorded so far and waits until it is delivered, for at most the shutdown
    /// timeout (5 s by default).
    ///
    /// Blocks the thread, which is safe everywhere. In async code, use
    /// [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] with the undelivered telemetry. It is not lost, but retried later.
    pub fn flush(&self) -> Result<(), ShutdownError> {
        self.flush_blocking(self.shutdown_timeout, false)
    }

    /// Does the same as [`flush`](Self::flush) without blocking the thread. Works in any runtime.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self) -> Result<(), ShutdownError> {
        self.flush_within(self.shutdown_timeout, false).await
    }

    /// Exports everything recorded so far and stops; waits for at most the shutdown timeout (5 s by
    /// default).
    ///
    /// Later calls do nothing. Later measurements stay in the engine, for other readers.
    ///
    /// Blocks the thread, which is safe everywhere. In async code, use
    /// [`shutdown_async`](Self::shutdown_async).
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] with the undelivered telemetry and the reason.
    pub fn shutdown(&self) -> Result<(), ShutdownError> {
        self.shutdown_within(self.shutdown_timeout)
    }

    /// Does the same as [`shutdown`](Self::shutdown) with this timeout.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_within(&self, timeout: Duration) -> Result<(), ShutdownError> {
        if self.is_shut_down.swap(true, SeqCst) {
            return Ok(());
        }
        self.flush_blocking(timeout, true)
    }

    /// Does the same as [`shutdown`](Self::shutdown) without blocking the thread. Works in any
    /// runtime.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_async(&self) -> Result<(), ShutdownError> {
        if self.is_shut_down.swap(true, SeqCst) {
            return Ok(());
        }
        self.flush_within(self.shutdown_timeout, true).await
    }

    async fn flush_within(
        &self,
        timeout: Duration,
        is_shutdown: bool,
    ) -> Result<(), ShutdownError> {
        let Some((runtime, workers)) = self.parts.running() else { return Ok(()) };
        let (reply, outcome) = oneshot::channel();
        let fallback = workers.clone();
        // On the export runtime: the caller's may have no timer, or a paused clock.
        runtime.spawn(flush(workers, timeout, is_shutdown, |it| drop(reply.send(it))));
        outcome.await.unwrap_or_else(|_| fallback.without_reply())
    }

    fn flush_blocking(&self, timeout: Duration, is_shutdown: bool) -> Result<(), ShutdownError> {
        let Some((runtime, workers)) = self.parts.running() else { return Ok(()) };
        let (reply, outcome) = mpsc::channel();
        let fallback = workers.clone();
        runtime.spawn(flush(workers, timeout, is_shutdown, move |it| drop(reply.send(it))));
        let outcome = outcome.recv_timeout(timeout.saturating_add(REPLY_GRACE));
        // Without a reply, the machine is too busy to run the export thread.
        outcome.unwrap_or_else(|_| fallback.without_reply())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Callers interested in the result call `shutdown`.
        drop(self.shutdown());
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("parts", &self.parts).finish_non_exhaustive()
    }
}

fn otel_layer<S, T>(tracer: T) -> OpenTelemetryLayer<S, T>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer<Span: Send + Sync> + 'static,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // These attributes cost as much as the span itself and repeat its name or
        // `request.stage.busy`.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

async fn flush(
    workers: Workers,
    timeout: Duration,
    is_shutdown: bool,
    reply: impl FnOnce(Result<(), ShutdownError>) + Send,
) {
    reply(workers.flush(deadline::after(timeout), is_shutdown).await);
}
