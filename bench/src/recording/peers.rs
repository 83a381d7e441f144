//! Other projects, set up as in their READMEs.

use std::time::Instant;

use anyhow::Result;
use opentelemetry::{KeyValue, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::SdkMeterProvider,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{
    recording::{Running, spans},
    sink,
};

/// Discards spans. stagelight's are sent over OTLP, so this favours the peers.
#[derive(Debug)]
pub(crate) struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// Returns a tracer provider with this sampling ratio and batches.
pub(crate) fn tracers(ratio: f64) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_batch_exporter(Discard)
        .build()
}

/// Spans with tracing-opentelemetry; the SDK's histograms, recorded by hand for the request and
/// each stage.
pub(super) fn open_telemetry(ratio: f64) -> Result<Running> {
    let tracers = tracers(ratio);
    let layer = tracing_opentelemetry::layer().with_tracer(tracers.tracer("bench"));
    registry().with(layer).try_init()?;
    let reader = sink::Metrics033::default();
    let meters = SdkMeterProvider::builder().with_reader(reader.reader()).build();
    let meter = meters.meter("bench");
    let stages = meter.f64_histogram("stage.duration").with_unit("s").build();
    let requests = meter.f64_histogram("request.duration").with_unit("s").build();
    let request = move |endpoint| {
        let start = Instant::now();
        spans::request_around(endpoint, |stage, work| {
            let start = Instant::now();
            work();
            let attributes = [KeyValue::new("stage", stage), KeyValue::new("endpoint", endpoint)];
            stages.record(start.elapsed().as_secs_f64(), &attributes);
        });
        requests.record(start.elapsed().as_secs_f64(), &[KeyValue::new("endpoint", endpoint)]);
    };
    let recorded = move || {
        let _kept = &tracers;
        meters.force_flush().ok()?;
        Some(reader.count_of("request.duration"))
    };
    Ok(Running { request: Box::new(request), recorded: Box::new(recorded) })
}

/// A histogram of the `metrics` facade for the request and each stage; no spans.
pub(super) fn metrics() -> Result<Running> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&[0.0001, 0.001, 0.01, 0.1, 1.0])?
        .install_recorder()?;
    let request = |endpoint: &'static str| {
        let start = Instant::now();
        for stage in spans::STAGES {
            let start = Instant::now();
            spans::work();
            metrics::histogram!("stage_seconds", "stage" => stage, "endpoint" => endpoint)
                .record(start.elapsed());
        }
        metrics::histogram!("request_seconds", "endpoint" => endpoint).record(start.elapsed());
    };
    let recorded = move || {
        let text = recorder.render();
        let counts = text.lines().filter(|it| it.starts_with("request_seconds_count"));
        Some(counts.filter_map(|it| it.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    };
    Ok(Running { request: Box::new(request), recorded: Box::new(recorded) })
}
