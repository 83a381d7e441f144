//! The layer that turns spans into edges.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use stagelight_core::{Engine, Gate, SpanKey, SpanLookup, Ticks};
use tracing::{
    Dispatch,
    span::{Attributes, Id},
};

use crate::{
    fields,
    frames::Frame,
    local,
    site::{self, Kind},
    span_keys::ByLayer,
    table::Table,
    traces::{Traces, Untraced},
};

/// Measures the spans that have a `stage` field, below requests.
///
/// Add it to a `tracing_subscriber::registry()`; other layers see the same spans, untouched. It keeps its own state beside the
/// spans, so it needs nothing of the subscriber but the order of its callbacks, and it holds no lock while others run.
///
/// Spans must be enabled to be measured: a filter that is *global* (an `EnvFilter` added as a layer) and turns a stage's span off
/// turns its measurement off. A filter on one layer does not.
///
/// # Traces
///
/// [`with_traces`](StageLayer::with_traces) puts a layer that makes traces *inside* this one. It then sees the spans of requests that are
/// sampled, and all spans outside of requests; the spans of all other requests cost what a stage costs.
///
/// # Cost
///
/// On top of what the Registry costs, a stage that is entered once costs three clock reads and no allocation, and no lock on the
/// thread that its request began on; a span that is no stage costs an entry in a table, and no clock
/// read. A stage's first record of an attribute value on a
/// thread allocates.
pub struct StageLayer<L = Untraced> {
    pub(crate) engine: Engine,
    pub(crate) table: Table,
    /// Tells this layer's frames from another's.
    pub(crate) id: u64,
    pub(crate) traces: Option<Traces<L>>,
    pub(crate) lookup: SpanLookup,
}

// === impl StageLayer ===

impl StageLayer {
    /// Makes a layer that measures into `engine`.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self::with(engine, None)
    }

    /// Puts a layer that makes traces inside, and asks `gate` once for each request whether it is to see the request's spans.
    ///
    /// With no layer, nothing is traced. The layer is asked neither which spans are enabled nor for the most verbose level, so it
    /// must not be a filter or have one.
    #[must_use]
    pub fn with_traces<L: 'static>(self, layer: Option<L>, gate: Arc<dyn Gate>) -> StageLayer<L> {
        StageLayer::with(&self.engine, layer.map(|layer| Traces::new(layer, gate)))
    }
}

impl<L: 'static> StageLayer<L> {
    fn with(engine: &Engine, traces: Option<Traces<L>>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        engine.set_span_keys(ByLayer { engine: engine.id() });
        Self {
            engine: engine.clone(),
            table: Table::new(),
            id: IDS.fetch_add(1, Relaxed),
            traces,
            lookup: SpanLookup::new(Self::find),
        }
    }

    fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(&'a Engine, SpanKey)> {
        let layer = subscriber.downcast_ref::<Self>()?;
        Some((&layer.engine, layer.table.get(id)))
    }

    /// Opens whatever a new span is, and runs `make` if the layer that makes traces is to see it.
    #[inline]
    pub(crate) fn open(&self, attributes: &Attributes<'_>, id: &Id, make: &mut dyn FnMut()) {
        let metadata = attributes.metadata();
        let seen = local::with(|it| (it.sites.kind(metadata), it.frames.current(self.id)));
        let (kind, innermost) = seen.unwrap_or_else(|| (site::classify(metadata), SpanKey::NONE));
        let parent = self.key_above(attributes.is_contextual(), attributes.parent(), innermost);
        let (key, made) = match kind {
            Kind::Plain => (parent.plain(), None),
            Kind::Stage(field) => self.open_stage(attributes, id.into_u64(), parent, field, false),
            Kind::StageWithAttributes(field) => {
                self.open_stage(attributes, id.into_u64(), parent, field, true)
            }
            Kind::Request => (fields::open_request(attributes, &self.engine), None),
        };
        local::with(|it| it.frames.make(made));
        let key = match &self.traces {
            None => key,
            Some(traces) if key.is_request() => {
                traces.open_request(&self.engine, attributes, key, parent, make)
            }
            Some(_) => {
                if key.is_traced() {
                    make();
                }
                key
            }
        };
        if !key.is_none() {
            self.table.insert(id, key);
        }
    }

    /// Returns the key of the span that something new is below.
    #[inline]
    pub(crate) fn key_above(
        &self,
        is_contextual: bool,
        parent: Option<&Id>,
        innermost: SpanKey,
    ) -> SpanKey {
        if is_contextual {
            innermost
        } else {
            parent.map_or(SpanKey::NONE, |parent| self.table.get(parent))
        }
    }

    /// Returns the layer that makes traces, if it is to see the span of this key.
    #[inline]
    pub(crate) fn traces_of(&self, key: SpanKey) -> Option<&L> {
        self.traces.as_ref().filter(|_| key.is_traced()).map(|it| &it.layer)
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
    pub(crate) fn found(&self, id: &Id) -> Frame {
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

impl<L> fmt::Debug for StageLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageLayer")
            .field("engine", &self.engine)
            .field("id", &self.id)
            .field("traces", &self.traces)
            .finish_non_exhaustive()
    }
}
