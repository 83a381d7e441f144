//! Puts the parts of a pipeline together.

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

use crate::{
    background::Background,
    chosen_trace::ChosenIds,
    config::Config,
    counts::ExportCounts,
    destination::Destination,
    instruments::Instruments,
    metric_export::MetricExport,
    own_metrics::{Exports, OwnMetrics, OwnSpanMetrics},
    pipeline::{
        destinations::Destinations,
        workers::{MetricWorker, SpanWorker, Workers},
    },
    resource,
    span_export::SpanExport,
    span_queue::{QueueProcessor, SpanQueue},
    span_sampler::SpanSampler,
    start_error::StartError,
    worker::Commands,
};

/// What a pipeline is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) tracers: SdkTracerProvider,
    pub(super) meters: SdkMeterProvider,
    /// `None` if nothing is exported.
    running: Option<(Background, Workers)>,
    /// About the export itself; empty if nothing is exported.
    pub(super) own: Arc<OwnMetrics>,
}

// === impl Parts ===

impl Parts {
    pub(super) fn start(engine: &Engine, config: &Config) -> Result<Self, StartError> {
        let Destinations { traces, metrics } = Destinations::open(config)?;
        let resource = resource::build(&config.resource);
        let mut tracers = tracers(config, &resource);
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).build();
        if traces.is_none() && metrics.is_none() {
            let own = Arc::new(OwnMetrics { spans: None, points: None });
            return Ok(Self { tracers: tracers.build(), meters, running: None, own });
        }
        let background = Background::start().map_err(|source| StartError::Thread { source })?;
        let spans = traces.map(|to| start_spans(&background, config, &resource, to));
        if let Some(spans) = &spans {
            tracers = tracers.with_span_processor(QueueProcessor(Arc::clone(&spans.queue)));
        }
        let counts = Arc::default();
        let own = Arc::new(own_metrics(spans.as_ref(), &counts, metrics.as_ref()));
        let metrics = metrics.map(|to| {
            let instruments = Arc::new(Instruments::new(resource.clone(), config.histograms));
            meters = instruments.provider().clone();
            let export = MetricExport {
                engine: engine.clone(),
                percentages: Percentages::new(),
                exemplars: ExemplarReader::new(engine),
                instruments,
                own: Arc::clone(&own),
                counts,
                destination: to,
                resource: OtlpResource::from(&resource),
                since: created(engine),
                histograms: config.histograms,
                interval: config.export_interval,
                timeout: config.export_timeout,
            };
            start_metrics(&background, export)
        });
        let running = Some((background, Workers { spans, metrics }));
        Ok(Self { tracers: tracers.build(), meters, running, own })
    }

    /// Returns the tasks and what they run on, if anything is exported.
    pub(super) fn running(&self) -> Option<(&Background, Workers)> {
        self.running.as_ref().map(|(background, workers)| (background, workers.clone()))
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
        .with_id_generator(ChosenIds::default())
        .with_max_attributes_per_span(config.spans.attributes)
        .with_max_events_per_span(config.spans.events)
        .with_max_links_per_span(config.spans.links)
}

fn start_spans(
    background: &Background,
    config: &Config,
    resource: &Resource,
    destination: Arc<Destination>,
) -> SpanWorker {
    let queue = Arc::new(SpanQueue::new(config.spans.queue, config.spans.batch));
    let (commands, receiver) = Commands::new();
    let counts = Arc::new(ExportCounts::default());
    let export = SpanExport {
        queue: Arc::clone(&queue),
        destination: Arc::clone(&destination),
        counts: Arc::clone(&counts),
        resource: OtlpResource::from(resource),
        limits: config.spans,
    };
    background.spawn(export.run(receiver));
    SpanWorker { commands, queue, counts, destination }
}

fn start_metrics(background: &Background, export: MetricExport) -> MetricWorker {
    let (commands, receiver) = Commands::new();
    let destination = Arc::clone(&export.destination);
    background.spawn(export.run(receiver));
    MetricWorker { commands, destination }
}

fn own_metrics(
    spans: Option<&SpanWorker>,
    counts: &Arc<ExportCounts>,
    metrics: Option<&Arc<Destination>>,
) -> OwnMetrics {
    let exports = |counts: &Arc<ExportCounts>, to: &Arc<Destination>| Exports {
        counts: Arc::clone(counts),
        to: Arc::clone(to),
    };
    let spans = spans.map(|it| OwnSpanMetrics {
        queue: Arc::clone(&it.queue),
        exports: exports(&it.counts, &it.destination),
    });
    OwnMetrics { spans, points: metrics.map(|to| exports(counts, to)) }
}

/// Returns when the engine was made, by the calendar's clock.
fn created(engine: &Engine) -> SystemTime {
    let age = Duration::from(engine.clock().since(engine.created()));
    SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}
