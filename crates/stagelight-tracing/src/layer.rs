//! The layer that turns spans into edges.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use stagelight_core::{Engine, SpanKey, Ticks};
use tracing::{
    Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::{
    fields,
    frames::{self, Frame},
    site::{self, Kind},
    table::Table,
};

/// Measures the spans that have a `stage` field, below requests.
///
/// Add it to a `tracing_subscriber::registry()`; other layers see the same spans, untouched. It keeps its own state beside the
/// spans, so it needs nothing of the subscriber but the order of its callbacks, and it holds no lock while others run.
///
/// Spans must be enabled to be measured: a filter that is *global* (an `EnvFilter` added as a layer) and turns a stage's span off
/// turns its measurement off. A filter on one layer does not.
///
/// # Cost
///
/// On top of what the Registry costs, a stage costs four clock reads and no allocation, and no lock on the thread that its request began
/// on; a span that is no stage costs a few nanoseconds. A stage's first record of an attribute value on a
/// thread allocates.
#[derive(Clone, Debug)]
pub struct StageLayer {
    engine: Engine,
    table: Arc<Table>,
    /// Tells this layer's frames from another's.
    id: u64,
}

// === impl StageLayer ===

impl StageLayer {
    /// Makes a layer that measures into `engine`.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self {
            engine: engine.clone(),
            table: Arc::new(Table::new()),
            id: IDS.fetch_add(1, Relaxed),
        }
    }

    fn parent(&self, attributes: &Attributes<'_>) -> SpanKey {
        if attributes.is_contextual() {
            frames::current(self.id)
        } else {
            attributes.parent().map_or(SpanKey::NONE, |parent| self.table.get(parent))
        }
    }

    fn open_stage(&self, attributes: &Attributes<'_>, has_attributes: bool) -> SpanKey {
        let parent = self.parent(attributes);
        let Some(stage) = fields::stage(attributes, &self.engine) else { return parent.plain() };
        let key = self.engine.open_stage(parent, stage);
        if has_attributes {
            fields::attributes(attributes, &self.engine, key, stage);
        }
        key
    }
}

impl<S: Subscriber> Layer<S> for StageLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let key = match site::kind(attributes.metadata()) {
            Kind::Plain => self.parent(attributes).plain(),
            Kind::Stage { has_attributes } => self.open_stage(attributes, has_attributes),
            Kind::Request => {
                fields::with_endpoint(attributes, |it| self.engine.open_request_span(it))
            }
        };
        if !key.is_none() {
            self.table.insert(id, key);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let key = self.table.get(id);
        if key.is_stage() || key.is_request() {
            fields::recorded(values, &self.engine, key);
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let key = self.table.get(id);
        let entered = if key.is_stage() { self.engine.clock().now() } else { Ticks::default() };
        frames::push(Frame { layer: self.id, id: id.into_u64(), key, entered });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let Some(frame) = frames::pop(self.id, id) else { return };
        if frame.key.is_stage() {
            self.engine.add_busy(frame.key, frame.entered, self.engine.clock().now());
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let key = self.table.remove(&id);
        if !key.is_none() {
            self.engine.close(key);
        }
    }
}
