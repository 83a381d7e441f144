//! Forwards what `tracing` calls to the registry. The one file with unsafe code.
//!
//! Layers look for the `tracing_subscriber::Registry` under them by type: when a span closes, to keep its data until all have seen it, and
//! when one with a filter asks for the current span. That look-up is an `unsafe fn`, so a subscriber that wraps the Registry can only
//! pass it on in unsafe code.
#![expect(
    unsafe_code,
    reason = "`Subscriber::downcast_raw` is an unsafe fn, and has to reach the wrapped Registry"
)]

use std::any::TypeId;

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_core::span::Current;
use tracing_subscriber::Layer;

use crate::registry::Registry;

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
        self.spans.try_close(id)
    }

    fn current_span(&self) -> Current {
        self.current()
    }

    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(std::ptr::from_ref(self).cast());
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
