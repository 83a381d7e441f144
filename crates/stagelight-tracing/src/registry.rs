//! A registry without cache-line contention between threads.

mod filter_probe;

use std::{
    any::TypeId,
    panic::{self, AssertUnwindSafe},
    ptr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_core::span::Current;
use tracing_subscriber::{
    Layer,
    filter::FilterId,
    registry::{LookupSpan, SpanData},
};

use crate::{registry::filter_probe::FilterProbe, thread_state};

/// Creates a [`Registry`], which replaces `tracing_subscriber::registry()`.
///
/// ```
/// use stagelight_core::{Engine, catalog};
/// use stagelight_tracing::{StageLayer, registry};
/// use tracing_subscriber::prelude::*;
///
/// let engine = Engine::new();
/// let subscriber = registry().with(StageLayer::new(&engine));
/// tracing::subscriber::with_default(subscriber, || {
///     drop(tracing::info_span!("job", stagelight.endpoint = "nightly"));
/// });
/// assert_eq!(engine.snapshot().of(&catalog::REQUEST).count(), 1);
/// ```
#[must_use]
pub fn registry() -> Registry {
    Registry::default()
}

/// Wraps `tracing_subscriber::Registry` and keeps each thread's entered spans in memory of the
/// thread's own.
///
/// The wrapped Registry keeps the threads' stacks of entered spans side by side, so threads that
/// enter and exit spans at the same time contend for cache lines. Spans, their ids, extensions and
/// reference counts are the wrapped Registry's, and every layer sees the same as on it.
///
/// # Differences
///
/// - A `Box<dyn Layer<tracing_subscriber::Registry>>` does not fit, because the type is another.
///   Layers generic over their subscriber do.
/// - With a *filter on a layer* (`.with_filter(..)`), the wrapped Registry's stacks are used,
///   because such a layer reads them. Behaviour and cost are then those of the plain Registry. A
///   global filter does not cause this.
/// - If a span's guard is leaked and another thread closes the span, the plain Registry makes the
///   next span on the leaking thread a root. So does this one, but a panic message appears on
///   standard error, and with `panic = "abort"` the process aborts.
/// - Entering a span while the thread is torn down is ignored, where the plain Registry panics.
#[derive(Debug)]
pub struct Registry {
    spans: tracing_subscriber::Registry,
    /// Distinguishes the entered spans of this registry from those of others. Never zero.
    number: u32,
    /// Whether a layer has a filter of its own. Final before the first span, because layers are
    /// added before the subscriber is shared.
    has_filters: bool,
    filter_probe: FilterProbe,
    /// Whether the first query for filters, by the layer right above, was answered.
    has_claimed_filters: AtomicBool,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Creates a span below one that the thread has entered.
    ///
    /// The parent is open, so it is not looked up first, which would take a sixth of the time of
    /// creating a span. It can only have been closed after its guard was leaked. If this thread
    /// closed it, the stack has it marked. If another thread did, the wrapped Registry panics, and
    /// the span becomes a root, as on the plain Registry.
    #[inline]
    fn new_child(&self, attributes: &Attributes<'_>) -> Id {
        let created = panic::catch_unwind(AssertUnwindSafe(|| self.spans.new_span(attributes)));
        created.unwrap_or_else(|_| {
            let root = Attributes::new_root(attributes.metadata(), attributes.values());
            self.spans.new_span(&root)
        })
    }

    /// Returns `true` to the first caller that queries whether there are layers with filters.
    ///
    /// `Layered` treats a layer right above the type `tracing_subscriber::Registry` as if there
    /// were: the Registry's "never" combines all filters, and a layer without a filter may still
    /// need what they reject. `Layered` queries when it is created, so that layer is the
    /// first caller. Layers further out get the correct answer from the layers in between.
    fn claim_filters(&self) -> bool {
        !self.has_claimed_filters.swap(true, Relaxed)
    }
}

impl Subscriber for Registry {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = self.spans.register_callsite(metadata);
        // If a later tracing-subscriber does not query for filters, "never" would also disable
        // layers without a filter.
        let may_be_needed = self.has_filters && !self.has_claimed_filters.load(Relaxed);
        if may_be_needed && interest.is_never() { Interest::sometimes() } else { interest }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.spans.enabled(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.spans.event_enabled(event)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The plain Registry returns `None`, and `Layered` recognises it by its type. A layer that
        // assumes filters below it keeps its own hint with "off"; `None` would mean "everything".
        self.has_claimed_filters.load(Relaxed).then_some(LevelFilter::OFF)
    }

    #[inline]
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if self.has_filters || !attributes.is_contextual() {
            return self.spans.new_span(attributes);
        }
        // The wrapped Registry's own stack is empty, so the parent becomes an explicit one.
        let (metadata, values) = (attributes.metadata(), attributes.values());
        match thread_state::with(|it| it.entered.parent(self.number)).flatten() {
            Some(parent) => self.new_child(&Attributes::child_of(parent, metadata, values)),
            None => self.spans.new_span(&Attributes::new_root(metadata, values)),
        }
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
        if self.has_filters {
            self.spans.enter(id);
        } else {
            thread_state::with(|it| it.entered.enter(self.number, id));
        }
    }

    #[inline]
    fn exit(&self, id: &Id) {
        if self.has_filters {
            self.spans.exit(id);
        } else {
            thread_state::with(|it| it.entered.exit(self.number, id));
        }
    }

    #[inline]
    fn clone_span(&self, id: &Id) -> Id {
        self.spans.clone_span(id)
    }

    #[inline]
    fn try_close(&self, id: Id) -> bool {
        let is_closed = self.spans.try_close(id.clone());
        if is_closed && !self.has_filters {
            thread_state::with(|it| it.entered.close(self.number, &id));
        }
        is_closed
    }

    /// Returns the thread's innermost span, or none if it was closed because its guard was leaked.
    fn current_span(&self) -> Current {
        if self.has_filters {
            return self.spans.current_span();
        }
        let innermost = thread_state::with(|it| it.entered.current(self.number)).flatten();
        let current = innermost.and_then(|id| {
            let metadata = self.spans.span_data(&id)?.metadata();
            Some(Current::new(id, metadata))
        });
        current.unwrap_or_else(Current::none)
    }

    #[expect(
        unsafe_code,
        reason = "`downcast_raw` is unsafe, and forwards to the wrapped Registry"
    )]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(ptr::from_ref(self).cast());
        }
        // SAFETY: the obligation is this function's own: the pointer is valid as long as `self`,
        // for the type that `id` names. `self` owns the wrapped Registry.
        if let Some(found) = unsafe { self.spans.downcast_raw(id) } {
            return Some(found);
        }
        // SAFETY: as above; `self` owns the probe.
        let has_filter =
            unsafe { Layer::<tracing_subscriber::Registry>::downcast_raw(&self.filter_probe, id) };
        has_filter.filter(|_| self.claim_filters())
    }
}

impl Default for Registry {
    fn default() -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        Self {
            spans: tracing_subscriber::Registry::default(),
            number: NUMBERS.fetch_add(1, Relaxed),
            has_filters: false,
            filter_probe: filter_probe::filter_probe(),
            has_claimed_filters: AtomicBool::new(false),
        }
    }
}

impl<'a> LookupSpan<'a> for Registry {
    type Data = <tracing_subscriber::Registry as LookupSpan<'a>>::Data;

    #[inline]
    fn span_data(&'a self, id: &Id) -> Option<Self::Data> {
        self.spans.span_data(id)
    }

    fn register_filter(&mut self) -> FilterId {
        self.has_filters = true;
        self.spans.register_filter()
    }
}
