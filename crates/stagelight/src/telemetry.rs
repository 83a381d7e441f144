//! The handle that a service keeps.

use std::sync::Arc;
#[cfg(feature = "axum")]
use std::{io, net::SocketAddr};

#[cfg(feature = "axum")]
use axum::{Router, routing::MethodRouter};
use opentelemetry::metrics::Meter;
use parking_lot::Mutex;
use stagelight_core::Engine;
use stagelight_http::HttpLayer;
use stagelight_otel::{Config, Histograms, Pipeline, ShutdownError, StartError};
use stagelight_tracing::StageLayer;
#[cfg(feature = "axum")]
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    task::JoinSet,
};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::report::{Report, ReportLayer};

/// The measurements and exporters of a service. Returned by [`init`](crate::init) or
/// [`Builder::build`](crate::Builder::build).
///
/// Keep it until the program ends. Dropping it exports the rest within the shutdown timeout and
/// stops; [`shutdown`](Self::shutdown) does the same and returns undelivered data as an error.
#[derive(Debug)]
pub struct Telemetry {
    engine: Engine,
    pipeline: Pipeline,
    /// Logged once, by the first subscriber that gets the tracing layer.
    report: Arc<Mutex<Option<Report>>>,
    /// The servers of [`serve_metrics`](Self::serve_metrics), aborted on drop.
    #[cfg(feature = "axum")]
    servers: Mutex<JoinSet<()>>,
}

// === impl Telemetry ===

impl Telemetry {
    pub(crate) fn start(config: Config) -> Result<Self, StartError> {
        let engine = Engine::builder().max_requests(config.max_requests);
        let engine = match config.histograms {
            Histograms::Exponential => engine.fine_histograms().build(),
            _ => engine.build(),
        };
        let report = Arc::new(Mutex::new(Some(Report::new(&config))));
        let pipeline = Pipeline::start(&engine, config)?;
        Ok(Self {
            engine,
            pipeline,
            report,
            #[cfg(feature = "axum")]
            servers: Mutex::default(),
        })
    }

    /// Makes this the process's telemetry, unless there is one already.
    pub(crate) fn set_global(&self) {
        if self.engine.set_global() {
            self.pipeline.set_global();
        }
    }

    /// Returns the report, if no subscriber has logged it.
    pub(crate) fn take_report(&self) -> Option<Report> {
        self.report.lock().take()
    }

    /// Returns the layer for a `tracing` subscriber. It measures requests and stages, and records
    /// OpenTelemetry traces.
    ///
    /// The sampling decision is made once for each request, when its span is created. Spans of an
    /// unsampled request cost no more than being measured; its trace context is propagated to
    /// backends with the sampled flag off. Spans outside of requests are sampled as OpenTelemetry
    /// does.
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let (recorder, policy) = self.pipeline.request_traces::<S>();
        StageLayer::new(&self.engine)
            .with_span_recorder(recorder, policy)
            .and_then(ReportLayer(Arc::clone(&self.report)))
    }

    /// Returns the tower layer that measures HTTP requests; see [`HttpLayer`] for its options.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        HttpLayer::new(&self.engine)
    }

    /// Serves `GET /metrics` at an address of its own, and returns that address.
    ///
    /// Keeps metrics away from the service's clients. The server is a task of the current Tokio
    /// runtime and ends with it, or when the `Telemetry` is dropped. The page holds what
    /// [`metrics_handler`](Self::metrics_handler) returns.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[cfg(feature = "axum")]
    pub async fn serve_metrics(&self, address: impl ToSocketAddrs) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let app: Router = Router::new().route("/metrics", self.metrics_handler());
        self.servers.lock().spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(target: "stagelight", "the metrics server failed: {error}");
            }
        });
        tracing::info!(target: "stagelight", "serving metrics at http://{address}/metrics");
        Ok(address)
    }

    /// Returns a handler for `GET /metrics` of your own router.
    ///
    /// It returns every metric of the catalogue in Prometheus' text format, or as OpenMetrics with
    /// exemplars if the scraper accepts that, and includes the exporters' own metrics. Instruments
    /// of [`meter`](Self::meter) are exported over OTLP only.
    ///
    /// Add the route after the HTTP layer, so that scrapes are not measured as requests:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// # fn app(telemetry: &stagelight::Telemetry) -> Router {
    /// Router::new()
    ///     .route("/", get(async || "hello"))
    ///     .layer(telemetry.http_layer())
    ///     .route("/metrics", telemetry.metrics_handler())
    /// # }
    /// ```
    #[cfg(feature = "axum")]
    pub fn metrics_handler<S>(&self) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let page = stagelight_live::prometheus::MetricsPage::new(&self.engine);
        stagelight_live::prometheus::handler(page.with_collector(self.pipeline.exporter_metrics()))
    }

    /// Returns an OpenTelemetry meter for your own instruments, exported with the same resource at
    /// the same interval.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.pipeline.meter(name)
    }

    /// Returns the engine, which holds the measurements.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Exports all measurements made so far. Returns after the shutdown timeout (5 s by default)
    /// at the latest.
    ///
    /// Works in any runtime.
    ///
    /// # Errors
    ///
    /// Names the undelivered data. It is not lost: the next export includes it.
    pub async fn flush(&self) -> Result<(), ShutdownError> {
        self.pipeline.flush_async().await
    }

    /// Does what [`flush`](Self::flush) does, blocking the thread.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self) -> Result<(), ShutdownError> {
        self.pipeline.flush()
    }

    /// Exports the rest and stops exporting. Returns after the shutdown timeout (5 s by default) at
    /// the latest.
    ///
    /// Requests are still measured, for `/metrics` and other readers. Later calls do nothing. Works
    /// in any runtime.
    ///
    /// # Errors
    ///
    /// Names the undelivered data.
    pub async fn shutdown(&self) -> Result<(), ShutdownError> {
        self.pipeline.shutdown_async().await
    }

    /// Does what [`shutdown`](Self::shutdown) does, blocking the thread.
    ///
    /// Safe in async code as the last call of a program; elsewhere `shutdown` lets other tasks
    /// continue.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_blocking(&self) -> Result<(), ShutdownError> {
        self.pipeline.shutdown()
    }
}
