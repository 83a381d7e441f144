//! Other projects' middleware, set up as in their READMEs.

use anyhow::Result;
use axum::Router;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{
    http::{SetUp, ours},
    recording::tracers,
    sink::{Metrics030, Metrics032, Metrics033},
};

const DURATION: &str = "http.server.request.duration";

pub(super) fn axum_otel_metrics() -> Result<SetUp> {
    let metrics = Metrics032::default();
    let meters = opentelemetry_sdk032::metrics::SdkMeterProvider::builder()
        .with_reader(metrics.reader())
        .build();
    opentelemetry032::global::set_meter_provider(meters.clone());
    let layer = axum_otel_metrics::HttpMetricsLayerBuilder::new().build();
    let recorded = move || {
        meters.force_flush().ok()?;
        Some(metrics.count_of(DURATION))
    };
    Ok(SetUp { router: ours::plain().layer(layer), recorded: Box::new(recorded) })
}

pub(super) fn tower_otel_http_metrics() -> Result<SetUp> {
    let metrics = Metrics030::default();
    let meters = opentelemetry_sdk030::metrics::SdkMeterProvider::builder()
        .with_reader(metrics.reader())
        .build();
    opentelemetry030::global::set_meter_provider(meters.clone());
    let layer = tower_otel_http_metrics::HTTPMetricsLayerBuilder::builder()
        .with_meter(opentelemetry030::global::meter("bench"))
        .build()?;
    let recorded = move || {
        meters.force_flush().ok()?;
        Some(metrics.count_of(DURATION))
    };
    Ok(SetUp { router: ours::plain().layer(layer), recorded: Box::new(recorded) })
}

pub(super) fn opentelemetry_instrumentation_tower() -> Result<SetUp> {
    let metrics = Metrics033::default();
    let meters = SdkMeterProvider::builder().with_reader(metrics.reader()).build();
    opentelemetry::global::set_meter_provider(meters.clone());
    opentelemetry::global::set_tracer_provider(tracers(0.01));
    let layer = opentelemetry_instrumentation_tower::http::server::Layer::new();
    let recorded = move || {
        meters.force_flush().ok()?;
        Some(metrics.count_of(DURATION))
    };
    Ok(SetUp { router: ours::plain().layer(layer), recorded: Box::new(recorded) })
}

pub(super) fn axum_tracing_opentelemetry(service: fn() -> Router) -> Result<SetUp> {
    use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};

    let tracers = tracers(0.01);
    let layer = tracing_opentelemetry::layer().with_tracer(tracers.tracer("bench"));
    registry().with(layer).try_init()?;
    opentelemetry::global::set_tracer_provider(tracers);
    let router = service().layer(OtelInResponseLayer).layer(OtelAxumLayer::default());
    Ok(SetUp { router, recorded: Box::new(|| None) })
}
