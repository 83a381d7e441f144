//! The layer that turns spans into edges.

use std::{
    any::TypeId,
    fmt, ptr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use stagelight_core::{
    Engine, SamplingPolicy, Ticks,
    layer_api::{SpanEngine, SpanKey, SpanLookup},
};
use tracing::{
    Dispatch, Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::{
    fields,
    frames::Frame,
    local,
    site::{self, Kind},
    span_recorder::{NoSpanRecorder, SpanRecorderLayer},
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
/// # SpanRecorderLayer
///
/// [`with_span_recorder`](StageLayer::with_span_recorder) puts a layer that makes traces *inside* this one. It then sees the spans of requests that are
/// sampled, and all spans outside of requests; the spans of all other requests cost what a stage costs.
///
/// # Cost
///
/// On top of what the Registry costs, a stage that is entered once costs three clock reads and no allocation, and no lock on the
/// thread that its request began on; a span that is no stage costs an entry in a table, and no clock
/// read. A stage's first record of an attribute value on a
/// thread allocates.
pub struct StageLayer<L = NoSpanRecorder> {
    pub(crate) engine: Engine,
    pub(crate) table: Table,
    /// Tells this layer's frames from another's.
    pub(crate) id: u64,
    pub(crate) traces: Option<SpanRecorderLayer<L>>,
    pub(crate) lookup: SpanLookup,
}

// === impl StageLayer ===

impl StageLayer {
    /// Makes a layer that measures into `engine`.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self::with(engine, None)
    }

    /// Puts a layer that makes traces inside, and asks `policy` once for each request whether it is to see the request's spans.
    ///
    /// With no layer, nothing is traced. The layer is asked neither which spans are enabled nor for the most verbose level, so it
    /// must not be a filter or have one.
    #[must_use]
    pub fn with_span_recorder<L: 'static>(
        self,
        layer: Option<L>,
        policy: Arc<dyn SamplingPolicy>,
    ) -> StageLayer<L> {
        StageLayer::with(&self.engine, layer.map(|layer| SpanRecorderLayer::new(layer, policy)))
    }
}

impl<L: 'static> StageLayer<L> {
    fn with(engine: &Engine, traces: Option<SpanRecorderLayer<L>>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self {
            engine: engine.clone(),
            table: Table::new(),
            id: IDS.fetch_add(1, Relaxed),
            traces,
            lookup: SpanLookup::new(Self::find),
        }
    }

    fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(SpanEngine<'a>, SpanKey)> {
        let layer = subscriber.downcast_ref::<Self>()?;
        Some((layer.engine.spans(), layer.table.get(id)))
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
        let key = self.engine.spans().open_stage_at(parent, stage, now);
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

impl<S: Subscriber, L: Layer<S>> Layer<S> for StageLayer<L> {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        if let Some(traces) = &self.traces {
            traces.layer.on_register_dispatch(subscriber);
            traces.set_subscriber(subscriber);
        }
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        if let Some(traces) = &mut self.traces {
            traces.layer.on_layer(subscriber);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.open(attributes, id, &mut || {
            if let Some(traces) = &self.traces {
                traces.layer.on_new_span(attributes, id, cx.clone());
            }
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let key = self.table.get(id);
        if key.is_stage() || key.is_request() {
            fields::recorded(values, &self.engine, key);
        }
        if let Some(traces) = self.traces_of(key) {
            traces.on_record(id, values, cx);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        if let Some(traces) = self.traces_of(self.table.get(id)) {
            traces.on_follows_from(id, follows, cx);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        // Without the look at the frames where nobody asks.
        if self.traces.is_none() {
            return;
        }
        let innermost = local::with(|it| it.frames.current(self.id)).unwrap_or_default();
        let key = self.key_above(event.is_contextual(), event.parent(), innermost);
        if let Some(traces) = self.traces_of(key) {
            traces.on_event(event, cx);
        }
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        let entered = local::with(|it| {
            let made = it.frames.take_made(self.id, id.into_u64());
            let frame = made.unwrap_or_else(|| self.found(id));
            it.frames.push(frame);
            frame.key
        });
        let Some(traces) = &self.traces else { return };
        let key = entered.unwrap_or_else(|| self.table.get(id));
        if key.is_traced() {
            traces.layer.on_enter(id, cx);
        }
        traces.entered(&self.engine, key);
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        let left = local::with(|it| {
            let frame = it.frames.pop(self.id, id);
            let innermost = self.traces.as_ref().map(|_| it.frames.current(self.id));
            (frame, innermost)
        });
        let (frame, innermost) = left.unwrap_or_default();
        if let Some(frame) = frame
            && frame.key.is_stage()
            && !frame.is_repeat
        {
            self.engine.spans().add_busy(frame.key, frame.entered, self.engine.clock().now());
        }
        let Some(traces) = &self.traces else { return };
        let key = frame.map_or_else(|| self.table.get(id), |it| it.key);
        if key.is_traced() {
            traces.layer.on_exit(id, cx);
        }
        traces.left(&self.engine, key, innermost.unwrap_or_default());
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let key = self.table.remove(&id);
        let is_exemplar = !key.is_none() && self.engine.spans().close(key);
        let Some(traces) = self.traces.as_ref().filter(|_| key.is_traced()) else { return };
        if is_exemplar {
            traces.mark_for_exemplar(&id);
        }
        traces.layer.on_close(id, cx);
    }

    #[expect(
        unsafe_code,
        reason = "`downcast_raw` is an unsafe fn, and layers find what is wrapped here through it"
    )]
    // SAFETY: whoever implements this must return a pointer to a value of the type that `id` names, which lives as long as `self`.
    // The first two are fields of `self`, or `self` itself. The third is the inner layer's answer, which owes the same, and lives in `self`.
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(ptr::from_ref(self).cast());
        }
        if id == TypeId::of::<SpanLookup>() {
            return Some(ptr::from_ref(&self.lookup).cast());
        }
        let traces = self.traces.as_ref()?;
        // SAFETY: the caller owes us what the inner layer asks for: it uses the pointer only as the type that `id` names.
        unsafe { traces.layer.downcast_raw(id) }
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
