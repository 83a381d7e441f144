//! A registry whose threads do not slow each other down.

mod probe;
mod stack;

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

use crate::registry::probe::Probe;

/// Makes a [`Registry`], in place of `tracing_subscriber::registry()`.
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

/// Stores spans as `tracing_subscriber::Registry` does, and notes apart for each thread which spans it is in.
///
/// The wrapped Registry keeps the threads' stacks of entered spans side by side in memory: threads that enter and leave spans at the same
/// time take the cache line away from each other at every step. Here each thread's stack is on lines of its own. Spans, their ids, extensions and
/// reference counts are the wrapped Registry's, and every layer sees the same as on it.
///
/// # What differs
///
/// - Its type: a `Box<dyn Layer<tracing_subscriber::Registry>>` does not fit on it. Layers that are generic over their subscriber do.
/// - With a *filter on one layer* (`.with_filter(..)`) the wrapped Registry's stacks are used after all, since such a layer looks
///   them up there: all is as on the plain Registry, and as slow. A global filter costs nothing of the kind.
/// - A span whose guard was leaked and that another thread closed then: on the plain Registry the next span made on the leaking thread is
///   silently a root. So it is here, but with a panic's message on standard error, and with `panic = "abort"` the program ends.
/// - A span entered by what is dropped while its thread is torn down is not noted, where the plain Registry panics.
#[derive(Debug)]
pub struct Registry {
    pub(crate) spans: tracing_subscriber::Registry,
    /// Tells this registry's spans on a thread's stack from another's.
    number: u32,
    /// Whether some layer has a filter of its own. Known before the first span: layers are added to what is not shared yet.
    has_filters: bool,
    /// Recognises the question whether a subscriber has layers with filters.
    pub(crate) probe: Probe,
    /// Whether the layer right on top of this registry has been told yes.
    is_vouched: AtomicBool,
}

// === impl Registry ===

impl Registry {
    /// Makes a span whose parent, unless it is given, is the innermost one that the thread is in.
    #[inline]
    pub(crate) fn open(&self, attributes: &Attributes<'_>) -> Id {
        if self.has_filters || !attributes.is_contextual() {
            return self.spans.new_span(attributes);
        }
        // The wrapped Registry's own stack is empty, so it is told.
        let (metadata, values) = (attributes.metadata(), attributes.values());
        match stack::with(|it| it.parent(self.number)).flatten() {
            Some(parent) => self.open_below(&Attributes::child_of(parent, metadata, values)),
            None => self.spans.new_span(&Attributes::new_root(metadata, values)),
        }
    }

    /// Makes a span below one that the thread is in.
    ///
    /// It is open, so it is not looked up first, which would be a sixth of what a span costs. A span can only be closed while a thread is in it if its
    /// guard is leaked. If that was on the same thread, the stack knows. If another thread closed it, the wrapped Registry panics, where it would
    /// have made a root span by itself; so is done here.
    #[inline]
    fn open_below(&self, attributes: &Attributes<'_>) -> Id {
        let made = panic::catch_unwind(AssertUnwindSafe(|| self.spans.new_span(attributes)));
        made.unwrap_or_else(|_| {
            let root = Attributes::new_root(attributes.metadata(), attributes.values());
            self.spans.new_span(&root)
        })
    }

    #[inline]
    pub(crate) fn enter_span(&self, id: &Id) {
        if self.has_filters {
            self.spans.enter(id);
        } else {
            stack::with(|it| it.push(self.number, id));
        }
    }

    #[inline]
    pub(crate) fn exit_span(&self, id: &Id) {
        if self.has_filters {
            self.spans.exit(id);
        } else {
            stack::with(|it| it.pop(self.number, id));
        }
    }

    /// Lets go of a span. Returns whether that closed it.
    #[inline]
    pub(crate) fn let_go(&self, id: &Id) -> bool {
        let is_closed = self.spans.try_close(id.clone());
        if is_closed && !self.has_filters {
            stack::with(|it| it.close(self.number, id));
        }
        is_closed
    }

    /// Returns the innermost span that the thread is in, unless it is closed: its guard may have been leaked.
    #[inline]
    pub(crate) fn current(&self) -> Current {
        if self.has_filters {
            return self.spans.current_span();
        }
        let known = |id: Id| {
            let metadata = self.spans.span_data(&id)?.metadata();
            Some(Current::new(id, metadata))
        };
        let innermost = stack::with(|it| it.current(self.number)).flatten();
        innermost.and_then(known).unwrap_or_else(Current::none)
    }

    /// Returns whether it is the first layer who asks if there are layers with filters below it.
    ///
    /// `Layered` treats the one that is right on top of the type `tracing_subscriber::Registry` as if there were: the Registry's "never" is
    /// that of all filters taken together, and an outer layer without a filter may still want what they refuse. It asks when it is put
    /// on, so the first who asks is that one. Those further out must get the truth, which they do from the layers in between.
    pub(crate) fn vouch(&self) -> bool {
        !self.is_vouched.swap(true, Relaxed)
    }

    /// Returns what the layers' filters, taken together, want of a callsite.
    pub(crate) fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = self.spans.register_callsite(metadata);
        // Should a later tracing-subscriber not ask as above, "never" would take lines from layers without a filter.
        let may_be_wanted = self.has_filters && !self.is_vouched.load(Relaxed);
        if may_be_wanted && interest.is_never() { Interest::sometimes() } else { interest }
    }

    /// Returns the level of which the layer on top takes the greater one, and its own.
    pub(crate) fn level_hint(&self) -> Option<LevelFilter> {
        // The plain Registry has no opinion either, but `Layered` knows it by its type. For a layer that counts this one among those with
        // filters, "off" leaves its own opinion as it is; "none" would count as "everything".
        self.is_vouched.load(Relaxed).then_some(LevelFilter::OFF)
    }
}

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

    #[expect(
        unsafe_code,
        reason = "`downcast_raw` is an unsafe fn, and layers find what is wrapped here through it"
    )]
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

impl Default for Registry {
    fn default() -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        Self {
            spans: tracing_subscriber::Registry::default(),
            number: NUMBERS.fetch_add(1, Relaxed),
            has_filters: false,
            probe: probe::probe(),
            is_vouched: AtomicBool::new(false),
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
