//! The layer that turns spans into edges.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use stagelight_core::{Engine, SpanKey, Ticks};
use tracing::{
    Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::{
    fields,
    frames::Frame,
    local,
    site::{self, Kind},
    span_keys::ByLayer,
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
/// On top of what the Registry costs, a stage that is entered once costs three clock reads and no allocation, and no lock on the
/// thread that its request began on; a span that is no stage costs an entry in a table, and no clock
/// read. A stage's first record of an attribute value on a
/// thread allocates.
#[derive(Debug)]
pub struct StageLayer {
    engine: Engine,
    table: Table,
    /// Tells this layer's frames from another's.
    id: u64,
}

// === impl StageLayer ===

impl StageLayer {
    /// Makes a layer that measures into `engine`.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        engine.set_span_keys(ByLayer { engine: engine.id() });
        Self { engine: engine.clone(), table: Table::new(), id: IDS.fetch_add(1, Relaxed) }
    }

    pub(crate) fn engine_id(&self) -> u64 {
        self.engine.id()
    }

    /// Returns the key of an open span.
    pub(crate) fn key_of(&self, id: &Id) -> SpanKey {
        self.table.get(id)
    }

    /// Opens a stage. Returns its key, and the frame in which it is recognised if it is entered next.
    fn open_stage(
        &self,
        attributes: &Attributes<'_>,
        id: u64,
        parent: SpanKey,
        field: usize,
        has_attributes: bool,
    ) -> (SpanKey, Option<Frame>) {
        let Some(stage) = fields::stage(attributes, field, &self.engine) else {
            return (parent.plain(), None);
        };
        let now = self.engine.clock().now();
        let key = self.engine.open_stage_at(parent, stage, now);
        if has_attributes {
            fields::attributes(attributes, &self.engine, key, stage);
        }
        // Entering it next, the thread has not been out of the parent since: it was at work on the stage, and the clock need not
        // be read again. With an explicit parent it may have been anywhere.
        (key, attributes.is_contextual().then(|| self.frame(id, key, now)))
    }

    #[inline]
    fn frame(&self, id: u64, key: SpanKey, entered: Ticks) -> Frame {
        Frame { layer: self.id, id, key, entered, is_repeat: false }
    }

    /// Returns the frame of a span that is entered and was not just made.
    fn found(&self, id: &Id) -> Frame {
        let key = self.table.get(id);
        let entered = if key.is_stage() { self.engine.clock().now() } else { Ticks::default() };
        self.frame(id.into_u64(), key, entered)
    }
}

/// A copy is a new layer with the same engine: it may go to another subscriber, whose ids are not this one's.
impl Clone for StageLayer {
    fn clone(&self) -> Self {
        Self::new(&self.engine)
    }
}

impl<S: Subscriber> Layer<S> for StageLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        let seen = local::with(|it| (it.sites.kind(metadata), it.frames.current(self.id)));
        let (kind, innermost) = seen.unwrap_or_else(|| (site::classify(metadata), SpanKey::NONE));
        let parent = if attributes.is_contextual() {
            innermost
        } else {
            attributes.parent().map_or(SpanKey::NONE, |parent| self.table.get(parent))
        };
        let (key, made) = match kind {
            Kind::Plain => (parent.plain(), None),
            Kind::Stage { field, has_attributes } => {
                self.open_stage(attributes, id.into_u64(), parent, field, has_attributes)
            }
            Kind::Request => (fields::open_request(attributes, &self.engine), None),
        };
        local::with(|it| it.frames.make(made));
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
        local::with(|it| {
            let made = it.frames.take_made(self.id, id.into_u64());
            it.frames.push(made.unwrap_or_else(|| self.found(id)));
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let Some(frame) = local::with(|it| it.frames.pop(self.id, id)).flatten() else { return };
        if frame.key.is_stage() && !frame.is_repeat {
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
