//! What `tracing` calls on the registry and on the layer. The one file with unsafe code.
//!
//! Layers look for the `tracing_subscriber::Registry` under them by type: when a span closes, to keep its data until all have seen it, and
//! when one with a filter asks for the current span. In the same way code looks for a layer that makes traces, which may be inside ours.
//! That look-up is an `unsafe fn`, so whoever wraps another can only pass it on in unsafe code.
#![expect(
    unsafe_code,
    reason = "`downcast_raw` is an unsafe fn, and has to reach the wrapped Registry, and the layer inside ours"
)]

use std::{any::TypeId, ptr};

use stagelight_core::SpanLookup;
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_core::span::Current;
use tracing_subscriber::layer::{Context, Layer};

use crate::{fields, layer::StageLayer, local, registry::Registry};

impl Subscriber for Registry {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.spans.enabled(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.spans.event_enabled(event)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.level_hint()
    }

    #[inline]
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.open(attributes)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.spans.record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.spans.record_follows_from(id, follows);
    }

    fn event(&self, event: &Event<'_>) {
        self.spans.event(event);
    }

    #[inline]
    fn enter(&self, id: &Id) {
        self.enter_span(id);
    }

    #[inline]
    fn exit(&self, id: &Id) {
        self.exit_span(id);
    }

    #[inline]
    fn clone_span(&self, id: &Id) -> Id {
        self.spans.clone_span(id)
    }

    #[inline]
    fn try_close(&self, id: Id) -> bool {
        self.let_go(&id)
    }

    fn current_span(&self) -> Current {
        self.current()
    }

    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(ptr::from_ref(self).cast());
        }
        // SAFETY: the contract is this function's own (the pointer is valid as long as `self`, for the type of `id`), and what it
        // points to is owned by `self`.
        if let Some(found) = unsafe { self.spans.downcast_raw(id) } {
            return Some(found);
        }
        // SAFETY: as above; the probe is owned by `self`, too.
        let has_filter =
            unsafe { Layer::<tracing_subscriber::Registry>::downcast_raw(&self.probe, id) };
        has_filter.filter(|_| self.vouch())
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
            self.engine.add_busy(frame.key, frame.entered, self.engine.clock().now());
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
        let is_exemplar = !key.is_none() && self.engine.close_recorded(key);
        let Some(traces) = self.traces.as_ref().filter(|_| key.is_traced()) else { return };
        if is_exemplar {
            traces.mark(&id);
        }
        traces.layer.on_close(id, cx);
    }

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
