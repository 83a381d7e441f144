//! Assembles the parts of a pipeline.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    trace::{SdkTracerProvider, TracerProviderBuilder},
};
use stagelight_core::{Engine, ExemplarReader, Percentages};

use super::{
    destinations::Destinations,
    workers::{MetricWorker, SpanWorker, Workers},
};
use crate::{
    config::Config,
    counts::ExportCounts,
    destination::Destination,
    exporter_metrics::{ExporterMetrics, ExporterSource, SpanSource},
    id_generator::PresetIdGenerator,
    instruments::UserInstruments,
    metric_export::MetricExport,
    outbox::Outbox,
    outside_requests::OutsideRequests,
    resource,
    runtime::ExportRuntime,
    span_export::SpanExport,
    span_queue::{QueueLimits, QueueSpanProcessor, SpanQueue},
    span_sampler::SpanSampler,
    start_error::StartError,
    supervisor::supervise,
    worker::CommandSender,
};

/// The parts of a pipeline.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) tracers: SdkTracerProvider,
    pub(super) meters: SdkMeterProvider,
    /// `None` if nothing is exported.
    running: Option<(ExportRuntime, Workers)>,
    /// Has no sources if nothing is exported.
    pub(super) exporter_metrics: Arc<ExporterMetrics>,
}

// === impl Parts ===

impl Parts {
    pub(super) fn start(engine: &Engine, config: &Config) -> Result<Self, StartError> {
        let Destinations { traces, metrics } = Destinations::new(config)?;
        let resource = resource::build(&config.resource);
        let mut tracers = tracers(config, &resource);
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).build();
        if traces.is_none() && metrics.is_none() {
            let exporter_metrics = Arc::new(ExporterMetrics { spans: None, points: None });
            return Ok(Self { tracers: tracers.build(), meters, running: None, exporter_metrics });
        }
        let runtime = ExportRuntime::start().map_err(|source| StartError::Thread { source })?;
        let spans = traces.map(|it| start_spans(&runtime, config, &resource, it));
        if let Some(spans) = &spans {
            tracers = tracers.with_span_processor(QueueSpanProcessor(Arc::clone(&spans.queue)));
        }
        let counts = Arc::default();
        let exporter_metrics =
            Arc::new(exporter_metrics(spans.as_ref(), &counts, metrics.as_ref()));
        let metrics = metrics.map(|destination| {
            let instruments = Arc::new(UserInstruments::new(resource.clone(), config.histograms));
            meters = instruments.provider().clone();
            let export = MetricExport {
                engine: engine.clone(),
                percentages: Percentages::new(),
                exemplars: ExemplarReader::new(engine),
                instruments,
                exporter_metrics: Arc::clone(&exporter_metrics),
                outside_requests: OutsideRequests::default(),
                counts,
                destination,
                resource: OtlpResource::from(&resource),
                start: created(engine),
                histograms: config.histograms,
                interval: config.export_interval,
                timeout: config.export_timeout,
                outbox: Outbox::new(),
            };
            start_metrics(&runtime, export)
        });
        let running = Some((runtime, Workers { spans, metrics }));
        Ok(Self { tracers: tracers.build(), meters, running, exporter_metrics })
    }

    /// Returns the tasks and their runtime, if anything is exported.
    pub(super) fn running(&self) -> Option<(&ExportRuntime, Workers)> {
        self.running.as_ref().map(|(runtime, workers)| (runtime, workers.clone()))
    }

    /// Returns whether spans are exported.
    pub(super) fn exports_spans(&self) -> bool {
        self.running.as_ref().is_some_and(|(_, workers)| workers.spans.is_some())
    }
}

fn tracers(config: &Config, resource: &Resource) -> TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(SpanSampler(config.sampler.to_sdk()))
        .with_id_generator(PresetIdGenerator::default())
        .with_max_attributes_per_span(config.spans.attributes)
        .with_max_events_per_span(config.spans.events)
        .with_max_links_per_span(config.spans.links)
}

fn start_spans(
    runtime: &ExportRuntime,
    config: &Config,
    resource: &Resource,
    destination: Arc<Destination>,
) -> SpanWorker {
    let queue = Arc::new(SpanQueue::new(QueueLimits::from(config.spans)));
    let (commands, receiver) = CommandSender::new();
    let counts = Arc::new(ExportCounts::default());
    let export = SpanExport {
        queue: Arc::clone(&queue),
        destination: Arc::clone(&destination),
        counts: Arc::clone(&counts),
        resource: OtlpResource::from(resource),
        limits: config.spans,
        outbox: Outbox::new(),
    };
    runtime.spawn(supervise(export, receiver));
    SpanWorker { commands, queue, counts, destination }
}

fn start_metrics(runtime: &ExportRuntime, export: MetricExport) -> MetricWorker {
    let (commands, receiver) = CommandSender::new();
    let destination = Arc::clone(&export.destination);
    runtime.spawn(supervise(export, receiver));
    MetricWorker { commands, destination }
}

fn exporter_metrics(
    spans: Option<&SpanWorker>,
    counts: &Arc<ExportCounts>,
    metrics: Option<&Arc<Destination>>,
) -> ExporterMetrics {
    let source = |counts: &Arc<ExportCounts>, destination: &Arc<Destination>| ExporterSource {
        counts: Arc::clone(counts),
        destination: Arc::clone(destination),
    };
    let spans = spans.map(|it| SpanSource {
        queue: Arc::clone(&it.queue),
        exporter: source(&it.counts, &it.destination),
    });
    ExporterMetrics { spans, points: metrics.map(|it| source(counts, it)) }
}

/// Returns the engine's creation time as wall-clock time.
fn created(engine: &Engine) -> SystemTime {
    let age = Duration::from(engine.clock().since(engine.created()));
    SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}
