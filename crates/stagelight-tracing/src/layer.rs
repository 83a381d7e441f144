//! The layer that turns spans into edges.

use std::{
    any::TypeId,
    fmt, ptr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
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
    callsite::CallsiteKind,
    entered::LayerSpan,
    fields,
    registry::Registry,
    span_recorder::{NoSpanRecorder, SpanRecorderLayer},
    span_table::SpanTable,
    thread_state,
};

/// Measures stages and requests: spans with a `stage` or a `stagelight.endpoint` field.
///
/// Add it to a [`registry()`](crate::registry) or a `tracing_subscriber::registry()`. Other layers
/// receive the same spans as without it. It keeps its state outside of the spans' extensions and
/// holds no lock while it calls other code.
///
/// Only enabled spans are measured. A *global* filter (an `EnvFilter` added as a layer) that
/// disables a stage's span disables its measurement. A filter on another layer does not.
///
/// ```
/// use stagelight_core::{Engine, catalog};
/// use stagelight_tracing::{StageLayer, registry};
/// use tracing_subscriber::prelude::*;
///
/// let engine = Engine::new();
/// let subscriber = registry().with(StageLayer::new(&engine));
/// tracing::subscriber::with_default(subscriber, || {
///     let request = tracing::info_span!("job", stagelight.endpoint = "nightly");
///     request.in_scope(|| drop(tracing::info_span!("load", stage = "load")));
/// });
/// let snapshot = engine.snapshot();
/// let stages: Vec<_> = snapshot.of(&catalog::STAGE).map(|it| it.values[0].to_string()).collect();
/// assert_eq!(stages, ["load", "unattributed"]);
/// ```
///
/// # Span recorders
///
/// [`with_span_recorder`](StageLayer::with_span_recorder) wraps a layer that records spans for
/// traces. The wrapped layer receives the spans of sampled requests and all spans outside of
/// requests. All other spans cost no more than without it.
///
/// # Cost
///
/// In addition to the registry's cost, a stage entered once takes three clock reads, no
/// allocation, and no lock on the thread that started its request. Any other span in a request
/// takes a table entry. The first use of an attribute value on a thread allocates.
pub struct StageLayer<L = NoSpanRecorder> {
    engine: Engine,
    table: SpanTable,
    /// Distinguishes the entered spans of this layer from those of others.
    id: u32,
    /// The number of this crate's registry below the layer, or zero.
    registry: u32,
    recorder: Option<SpanRecorderLayer<L>>,
    lookup: SpanLookup,
}

// === impl StageLayer ===

impl StageLayer {
    /// Creates a layer that measures with `engine`.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self::with(engine, None)
    }

    /// Wraps a layer that records spans. `policy` decides once per request whether the layer
    /// receives the request's spans.
    ///
    /// `None` records nothing. The layer's `enabled` and `max_level_hint` are not called, so it
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
    fn with(engine: &Engine, recorder: Option<SpanRecorderLayer<L>>) -> Self {
        static IDS: AtomicU32 = AtomicU32::new(1);
        Self {
            engine: engine.clone(),
            table: SpanTable::new(),
            id: IDS.fetch_add(1, Relaxed),
            registry: 0,
            recorder,
            lookup: SpanLookup::new(Self::find),
        }
    }

    fn find<'a>(subscriber: &'a Dispatch, id: &Id) -> Option<(SpanEngine<'a>, SpanKey)> {
        let layer = subscriber.downcast_ref::<Self>()?;
        Some((layer.engine.spans(), layer.table.get(id)))
    }

    /// Opens a new span, and runs `forward` if the span recorder receives it.
    #[inline]
    fn open(&self, attributes: &Attributes<'_>, id: &Id, forward: &mut dyn FnMut()) {
        let metadata = attributes.metadata();
        let cached =
            thread_state::with(|it| (it.callsites.kind(metadata), it.entered.key(self.id)));
        let (kind, innermost) =
            cached.unwrap_or_else(|| (CallsiteKind::from_metadata(metadata), SpanKey::NONE));
        let parent = self.parent_key(attributes.is_contextual(), attributes.parent(), innermost);
        let (key, created) = match kind {
            CallsiteKind::Plain => (parent.plain(), None),
            CallsiteKind::Stage(field) => {
                self.open_stage(attributes, id.into_u64(), parent, field, false)
            }
            CallsiteKind::StageWithAttributes(field) => {
                self.open_stage(attributes, id.into_u64(), parent, field, true)
            }
            CallsiteKind::Request => (fields::open_request(attributes, self.engine.spans()), None),
        };
        thread_state::with(|it| it.entered.set_created(created));
        let key = match &self.recorder {
            None => key,
            Some(recorder) if key.is_request() => {
                recorder.open_request(self.engine.spans(), attributes, key, parent, forward)
            }
            Some(_) => {
                if key.is_traced() {
                    forward();
                }
                key
            }
        };
        if !key.is_none() {
            self.table.insert(id, key);
        }
    }

    /// Returns the key of the parent of a new span or event.
    #[inline]
    fn parent_key(&self, is_contextual: bool, parent: Option<&Id>, innermost: SpanKey) -> SpanKey {
        if is_contextual {
            innermost
        } else {
            parent.map_or(SpanKey::NONE, |parent| self.table.get(parent))
        }
    }

    /// Returns the wrapped layer if it receives the span with this key.
    #[inline]
    fn layer_for(&self, key: SpanKey) -> Option<&L> {
        self.recorder.as_ref().filter(|_| key.is_traced()).map(|it| &it.layer)
    }

    /// Opens a stage. Returns its key, and the span to recognise if it is entered next.
    fn open_stage(
        &self,
        attributes: &Attributes<'_>,
        id: u64,
        parent: SpanKey,
        field: usize,
        has_attributes: bool,
    ) -> (SpanKey, Option<LayerSpan>) {
        let spans = self.engine.spans();
        let Some(stage) = fields::stage(attributes, field, spans) else {
            return (parent.plain(), None);
        };
        let now = spans.clock().now();
        let key = spans.open_stage_at(parent, stage, now);
        if has_attributes {
            fields::set_initial(attributes, spans, key, stage);
        }
        // If the thread enters it next, it has not left the parent in between: it was busy with
        // the stage, and the clock need not be read again. With an explicit parent, it may have
        // been anywhere.
        (key, attributes.is_contextual().then(|| self.span(id, key, now)))
    }

    #[inline]
    fn span(&self, id: u64, key: SpanKey, entered: Ticks) -> LayerSpan {
        LayerSpan { layer: self.id, id, key, entered }
    }

    /// Looks up an entered span that the thread has not just created.
    fn find_span(&self, id: &Id) -> LayerSpan {
        let key = self.table.get(id);
        let entered = if key.is_stage() { self.engine.clock().now() } else { Ticks::default() };
        self.span(id.into_u64(), key, entered)
    }
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for StageLayer<L> {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        if let Some(recorder) = &self.recorder {
            recorder.layer.on_register_dispatch(subscriber);
            recorder.set_subscriber(subscriber);
        }
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        let registry = (subscriber as &dyn Subscriber).downcast_ref::<Registry>();
        self.registry = registry.map_or(0, Registry::number);
        if let Some(recorder) = &mut self.recorder {
            recorder.layer.on_layer(subscriber);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.open(attributes, id, &mut || {
            if let Some(recorder) = &self.recorder {
                recorder.layer.on_new_span(attributes, id, cx.clone());
            }
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let key = self.table.get(id);
        if !key.is_plain() {
            fields::set_recorded(values, self.engine.spans(), key);
        }
        if let Some(layer) = self.layer_for(key) {
            layer.on_record(id, values, cx);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, cx: Context<'_, S>) {
        if let Some(layer) = self.layer_for(self.table.get(id)) {
            layer.on_follows_from(id, follows, cx);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if self.recorder.is_none() {
            return;
        }
        let innermost = thread_state::with(|it| it.entered.key(self.id)).unwrap_or_default();
        let key = self.parent_key(event.is_contextual(), event.parent(), innermost);
        if let Some(layer) = self.layer_for(key) {
            layer.on_event(event, cx);
        }
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        let entered = thread_state::with(|it| {
            let created = it.entered.take_created(self.id, id.into_u64());
            let span = created.unwrap_or_else(|| self.find_span(id));
            it.entered.enter_layer(self.registry, span);
            span.key
        });
        let Some(recorder) = &self.recorder else { return };
        let key = entered.unwrap_or_else(|| self.table.get(id));
        if key.is_traced() {
            recorder.layer.on_enter(id, cx);
        }
        recorder.entered(self.engine.spans(), key);
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        let exited = thread_state::with(|it| {
            let span = it.entered.exit_layer(self.id, id);
            let innermost = self.recorder.as_ref().map(|_| it.entered.key(self.id));
            (span, innermost)
        });
        let (span, innermost) = exited.unwrap_or_default();
        if let Some(span) = span
            && span.key.is_stage()
            && !span.is_repeat
        {
            let spans = self.engine.spans();
            spans.add_busy(span.key, span.entered, spans.clock().now());
        }
        let Some(recorder) = &self.recorder else { return };
        let key = span.map_or_else(|| self.table.get(id), |it| it.key);
        if key.is_traced() {
            recorder.layer.on_exit(id, cx);
        }
        recorder.exited(self.engine.spans(), key, innermost.unwrap_or_default());
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let key = self.table.remove(&id);
        let is_exemplar = !key.is_none() && self.engine.spans().close(key);
        let Some(recorder) = self.recorder.as_ref().filter(|_| key.is_traced()) else { return };
        if is_exemplar {
            recorder.mark_for_exemplar(&id);
        }
        recorder.layer.on_close(id, cx);
    }

    #[expect(unsafe_code, reason = "`downcast_raw` is unsafe, and forwards to the wrapped layer")]
    // SAFETY: an implementation must return a pointer to a value of the type that `id` names,
    // which lives as long as `self`. The first two are `self` and a field of it. The third is the
    // result of the wrapped layer, which has the same obligation and lives in `self`.
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(ptr::from_ref(self).cast());
        }
        if id == TypeId::of::<SpanLookup>() {
            return Some(ptr::from_ref(&self.lookup).cast());
        }
        let recorder = self.recorder.as_ref()?;
        // SAFETY: the caller uses the pointer only as the type that `id` names.
        unsafe { recorder.layer.downcast_raw(id) }
    }
}

/// Creates a new layer with the same engine. It does not share the span table, because it may be
/// added to another subscriber with unrelated ids.
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
            .field("recorder", &self.recorder)
            .finish_non_exhaustive()
    }
}
