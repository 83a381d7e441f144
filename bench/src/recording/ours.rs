//! stagelight, and registries with an empty layer.

use anyhow::{Context as _, Result};
use stagelight::{catalog, engine::Engine};
use stagelight_tracing::StageLayer;
use tracing::Subscriber;
use tracing_subscriber::{Layer, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{
    recording::{Running, spans},
    sink,
};

/// A layer that does nothing. A Registry without a layer never frees spans.
pub(crate) struct Empty;

impl<S: Subscriber> Layer<S> for Empty {}

fn running(engine: Option<Engine>) -> Running {
    let recorded = move || engine.as_ref().map(recorded);
    Running { request: Box::new(spans::request), recorded: Box::new(recorded) }
}

/// Returns the number of requests with five stages in an engine.
pub(crate) fn recorded(engine: &Engine) -> u64 {
    let snapshot = engine.snapshot();
    let count = |stage: &&str| {
        let of = snapshot.of(&catalog::STAGE).filter(|it| it.values[0].as_ref() == *stage);
        of.filter_map(|it| Some(it.histogram(catalog::REQUEST_STAGE_DURATION)?.count())).sum()
    };
    spans::STAGES.iter().map(count).min().unwrap_or(0)
}

pub(super) fn plain_empty() -> Result<Running> {
    registry().with(Empty).try_init()?;
    Ok(running(None))
}

pub(super) fn own_empty() -> Result<Running> {
    stagelight::registry().with(Empty).try_init()?;
    Ok(running(None))
}

pub(super) fn on_plain() -> Result<Running> {
    let engine = Engine::new();
    registry().with(StageLayer::new(&engine)).try_init()?;
    Ok(running(Some(engine)))
}

pub(super) fn on_own() -> Result<Running> {
    let engine = Engine::new();
    stagelight::registry().with(StageLayer::new(&engine)).try_init()?;
    Ok(running(Some(engine)))
}

pub(super) fn traced_on_plain(ratio: f64) -> Result<Running> {
    let telemetry = sink::telemetry(ratio)?;
    let subscriber = registry().with(telemetry.tracing_layer());
    subscriber.try_init().context("the subscriber")?;
    Ok(kept(telemetry))
}

pub(super) fn traced(ratio: f64) -> Result<Running> {
    let telemetry = sink::telemetry(ratio)?;
    let subscriber = stagelight::registry().with(telemetry.tracing_layer());
    subscriber.try_init().context("the subscriber")?;
    Ok(kept(telemetry))
}

/// Keeps the background export alive while the side runs.
fn kept(telemetry: stagelight::Telemetry) -> Running {
    let recorded = move || Some(recorded(telemetry.engine()));
    Running { request: Box::new(spans::request), recorded: Box::new(recorded) }
}
