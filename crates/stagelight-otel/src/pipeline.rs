//! Everything that exports, started together and ended together.

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
use tokio::{sync::oneshot, time::Instant};
use tracing::{Subscriber, warn};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::{
    chosen_trace::RequestTracer,
    config::{Config, Propagation},
    delivery::ShutdownError,
    env::EnvProblem,
    propagation::{self, ContextPropagator},
    request_sampler::RequestSampler,
    sampling_policy::RequestSamplingPolicy,
    start_error::StartError,
};
use parts::Parts;
use workers::Workers;

/// How much longer than its bound a blocked caller waits, for the answer that comes at the bound.
const GRACE: Duration = Duration::from_millis(200);

/// Exports traces and metrics until it is shut down or dropped.
///
/// Works inside and outside of Tokio, and with any of its runtimes: it brings one of its own. Dropping it does what
/// [`shutdown`](Self::shutdown) does, without telling what could not be delivered.
///
/// ```
/// use stagelight_core::Engine;
/// use stagelight_otel::{Config, Environment, Exporter, Pipeline};
/// use tracing_subscriber::prelude::*;
///
/// let config = Config::from_env(&Environment::process())
///     .with_traces_exporter(Exporter::Console)
///     .with_metrics_exporter(Exporter::None);
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
    makes_traces: bool,
    sampler: RequestSampler,
    propagation: Vec<Propagation>,
    problems: Vec<EnvProblem>,
    shutdown_timeout: Duration,
    is_shut_down: AtomicBool,
}

// === impl Pipeline ===

impl Pipeline {
    /// Starts to export what `engine` measures, and sets the engine's propagator if it has none.
    ///
    /// Does not connect: an unreachable collector is reported through `tracing` (target `stagelight`) when the first
    /// export fails, and again when one works.
    ///
    /// # Errors
    ///
    /// - [`StartError::Environment`] if the configuration is strict and has problems;
    /// - [`StartError::FeatureOff`], [`StartError::Endpoint`], [`StartError::Certificate`] or [`StartError::Tls`] if the settings cannot be
    ///   followed;
    /// - [`StartError::Thread`] if the system gives no thread.
    pub fn start(engine: &Engine, config: Config) -> Result<Self, StartError> {
        if config.strict && !config.problems.is_empty() {
            return Err(StartError::Environment { problems: config.problems });
        }
        let parts = Parts::start(engine, &config)?;
        let makes_traces =
            !config.disabled && (parts.exports_spans() || !config.propagation.is_empty());
        let reads_headers = !config.propagation.is_empty() || config.rules.forcing.is_some();
        if makes_traces && reads_headers {
            let propagator = ContextPropagator::new(&config.propagation);
            let propagator = propagator.with_forcing(config.rules.forcing.clone());
            engine.set_propagator(Arc::new(propagator));
        }
        Ok(Self {
            parts,
            makes_traces,
            sampler: RequestSampler::new(config.sampler, &config.rules),
            propagation: config.propagation,
            problems: config.problems,
            shutdown_timeout: config.shutdown_timeout,
            is_shut_down: AtomicBool::new(false),
        })
    }

    /// Returns what was wrong with the environment, and was replaced by defaults.
    #[must_use]
    pub fn problems(&self) -> &[EnvProblem] {
        &self.problems
    }

    /// Logs the [`problems`](Self::problems), each as a warning with the target `stagelight`.
    ///
    /// Not done by [`start`](Self::start), which is usually called before there is a subscriber that would show them.
    pub fn report_problems(&self) {
        for problem in &self.problems {
            warn!(target: "stagelight", "{problem}; using {}", problem.used);
        }
    }

    /// Makes this pipeline's providers and propagator the ones that the [`opentelemetry`] API's users get.
    pub fn set_global(&self) {
        global::set_tracer_provider(self.parts.tracers.clone());
        global::set_meter_provider(self.parts.meters.clone());
        global::set_text_map_propagator(propagation::composite(&self.propagation));
    }

    /// Returns a meter for instruments of the program's own, which are exported with the stage metrics.
    ///
    /// `name` tells whose instruments they are: a crate's name, for example.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.parts.meters.meter(name)
    }

    /// Returns what adds the metrics about the export itself to a snapshot: those that the engine does not keep.
    ///
    /// For readers that show them where the export itself may be what is broken. Adds nothing where nothing is exported by OTLP.
    pub fn own_metrics(&self) -> impl Fn(&mut Snapshot) + Send + Sync + use<> {
        let own = Arc::clone(&self.parts.own);
        move |snapshot| own.add_to(snapshot)
    }

    /// Returns the layer that makes traces of all spans, or nothing if there is neither an exporter nor a propagator to make them for.
    ///
    /// To be added to a subscriber by itself. [`request_traces`](Self::request_traces) costs less.
    #[must_use]
    pub fn tracing_layer<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.makes_traces.then(|| layer_of(self.tracer()))
    }

    /// Returns the layer that makes traces, to be put inside a `StageLayer`, with the policy that decides which requests it sees. No
    /// layer if there is neither an exporter nor a propagator to make traces for.
    #[must_use]
    pub fn request_traces<S>(
        &self,
    ) -> (Option<OpenTelemetryLayer<S, RequestTracer>>, Arc<dyn SamplingPolicy>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = self.makes_traces.then(|| layer_of(RequestTracer(self.tracer())));
        (layer, Arc::new(RequestSamplingPolicy::new(self.sampler.clone())))
    }

    fn tracer(&self) -> SdkTracer {
        self.parts.tracers.tracer("stagelight")
    }

    /// Delivers what was recorded so far, and waits for it, for 5 s or what the configuration says.
    ///
    /// Blocks the thread. That is safe everywhere, but in async code [`flush_async`](Self::flush_async) lets other tasks go on.
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] with what could not be delivered. It is not lost: it is tried again later.
    pub fn flush(&self) -> Result<(), ShutdownError> {
        self.finish_blocking(self.shutdown_timeout, false)
    }

    /// Does what [`flush`](Self::flush) does, without blocking the thread. Works in any runtime.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self) -> Result<(), ShutdownError> {
        self.finish(self.shutdown_timeout, false).await
    }

    /// Delivers what was recorded, and ends; waits for 5 s at most, or what the configuration says.
    ///
    /// Later calls do nothing. What is recorded afterwards stays in the engine, for other readers.
    ///
    /// Blocks the thread. That is safe everywhere, but in async code [`shutdown_async`](Self::shutdown_async) lets other
    /// tasks go on.
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] with what could not be delivered in time, and why.
    pub fn shutdown(&self) -> Result<(), ShutdownError> {
        self.shutdown_within(self.shutdown_timeout)
    }

    /// Does what [`shutdown`](Self::shutdown) does, in this time.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_within(&self, timeout: Duration) -> Result<(), ShutdownError> {
        if self.is_shut_down.swap(true, SeqCst) {
            return Ok(());
        }
        self.finish_blocking(timeout, true)
    }

    /// Does what [`shutdown`](Self::shutdown) does, without blocking the thread. Works in any runtime.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_async(&self) -> Result<(), ShutdownError> {
        if self.is_shut_down.swap(true, SeqCst) {
            return Ok(());
        }
        self.finish(self.shutdown_timeout, true).await
    }

    async fn finish(&self, timeout: Duration, is_last: bool) -> Result<(), ShutdownError> {
        let Some((background, workers)) = self.parts.running() else { return Ok(()) };
        let (done, answer) = oneshot::channel();
        // On our runtime, whose clock runs whatever the caller's does.
        background.spawn(finish(workers, timeout, is_last, |it| drop(done.send(it))));
        answer.await.unwrap_or(Ok(()))
    }

    fn finish_blocking(&self, timeout: Duration, is_last: bool) -> Result<(), ShutdownError> {
        let Some((background, workers)) = self.parts.running() else { return Ok(()) };
        let (done, answer) = mpsc::channel();
        let late = workers.clone();
        background.spawn(finish(workers, timeout, is_last, move |it| drop(done.send(it))));
        let answer = answer.recv_timeout(timeout.saturating_add(GRACE));
        // No answer at all means that the machine is too busy to run our thread.
        answer.unwrap_or_else(|_| late.undelivered())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Whoever wants to know calls `shutdown`.
        drop(self.shutdown());
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("parts", &self.parts).finish_non_exhaustive()
    }
}

fn layer_of<S, T>(tracer: T) -> OpenTelemetryLayer<S, T>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer<Span: Send + Sync> + 'static,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // Attributes that cost as much as the span itself, and say what the name or `request.stage.busy` says already.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

async fn finish(
    workers: Workers,
    timeout: Duration,
    is_last: bool,
    done: impl FnOnce(Result<(), ShutdownError>) + Send,
) {
    done(workers.finish(Instant::now() + timeout, is_last).await);
}
