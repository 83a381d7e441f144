//! The spans that a thread has entered.
//!
//! One stack serves all subscribers of the thread. On a [`Registry`](crate::Registry) of this
//! crate, registry and layer share an entry: the registry pushes it and the layer adds its key.
//! On any other registry, the layer pushes an entry of its own.

use stagelight_core::{Ticks, layer_api::SpanKey};
use tracing::span::Id;

/// Capacity that the first entry allocates.
///
/// At 40 bytes per entry this is many cache lines, so threads hardly share any.
const CAPACITY: usize = 64;

/// Stands for no registry and no layer in an [`Entry`].
const NONE: u32 = 0;

/// The spans that a thread has entered, outermost first.
#[derive(Debug)]
pub(crate) struct EnteredSpans {
    stack: Vec<Entry>,
    /// The span created in the last callback, which is usually entered next.
    created: Option<LayerSpan>,
}

/// A span as a layer entered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSpan {
    /// The layer. A thread may use several subscribers with unrelated ids.
    pub(crate) layer: u32,
    pub(crate) id: u64,
    /// [`SpanKey::NONE`] outside of any request, so that stages below it are not stages of the
    /// request around it.
    pub(crate) key: SpanKey,
    /// When the thread entered it, or created it if it has not been entered.
    pub(crate) entered: Ticks,
}

/// A span as a layer exited it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitedSpan {
    pub(crate) key: SpanKey,
    pub(crate) entered: Ticks,
    /// The thread is still in the same span further out.
    pub(crate) is_repeat: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    key: SpanKey,
    entered: Ticks,
    registry: u32,
    layer: u32,
    /// The thread is in the same span further out. Such an entry is not a parent.
    is_repeat: bool,
    /// The span closed while the thread was in it, because its guard was leaked. Not a parent
    /// either.
    is_closed: bool,
    /// The registry has left the span, and the layer is about to.
    is_exited: bool,
}

// === impl EnteredSpans ===

impl EnteredSpans {
    pub(crate) const fn new() -> Self {
        Self { stack: Vec::new(), created: None }
    }

    /// Pushes a span that a registry enters.
    #[inline]
    pub(crate) fn enter(&mut self, registry: u32, id: &Id) {
        let id = id.into_u64();
        let is_repeat = self.stack.iter().any(|it| it.is_in(registry, id));
        self.push(Entry { registry, is_repeat, ..Entry::new(id) });
    }

    /// Removes the last entry of a span that a registry exits. Guards may be dropped in any order.
    ///
    /// An entry that a layer shares remains until the layer exits, which is next.
    #[inline]
    pub(crate) fn exit(&mut self, registry: u32, id: &Id) {
        let id = id.into_u64();
        let Some(at) = self.stack.iter().rposition(|it| it.is_in(registry, id)) else { return };
        if self.stack[at].layer == NONE {
            self.remove(at);
        } else {
            self.stack[at].is_exited = true;
        }
    }

    /// Marks the entries of a span that a registry closes.
    #[inline]
    pub(crate) fn close(&mut self, registry: u32, id: &Id) {
        let id = id.into_u64();
        for it in self.stack.iter_mut().filter(|it| it.is_in(registry, id)) {
            it.is_closed = true;
        }
    }

    /// Returns the innermost span of a registry, unless it is closed.
    #[inline]
    pub(crate) fn parent(&self, registry: u32) -> Option<Id> {
        self.innermost(registry).filter(|it| !it.is_closed).map(|it| Id::from_u64(it.id))
    }

    /// Returns the innermost span of a registry. Layers still see a closing one.
    #[inline]
    pub(crate) fn current(&self, registry: u32) -> Option<Id> {
        self.innermost(registry).map(|it| Id::from_u64(it.id))
    }

    #[inline]
    fn innermost(&self, registry: u32) -> Option<&Entry> {
        self.stack.iter().rfind(|it| it.registry == registry && !it.is_repeat && !it.is_exited)
    }

    /// Sets the span that a layer has just created, or clears it with `None`.
    #[inline]
    pub(crate) fn set_created(&mut self, span: Option<LayerSpan>) {
        self.created = span;
    }

    /// Takes the created span if it is this one, and creating it was the last callback.
    #[inline]
    pub(crate) fn take_created(&mut self, layer: u32, id: u64) -> Option<LayerSpan> {
        self.created.take().filter(|it| it.id == id && it.layer == layer)
    }

    /// Enters a span in a layer above `registry`, which is zero for one of another crate.
    #[inline]
    pub(crate) fn enter_layer(&mut self, registry: u32, span: LayerSpan) {
        let LayerSpan { layer, id, key, entered } = span;
        if registry != NONE
            && let Some(last) = self.stack.last_mut()
            && last.id == id
            && last.registry == registry
            && last.layer == NONE
        {
            (last.layer, last.key, last.entered) = (layer, key, entered);
            return;
        }
        let is_repeat = self.stack.iter().any(|it| it.id == id && it.layer == layer);
        self.push(Entry { layer, key, entered, is_repeat, ..Entry::new(id) });
    }

    /// Exits a span in a layer.
    #[inline]
    pub(crate) fn exit_layer(&mut self, layer: u32, id: &Id) -> Option<ExitedSpan> {
        self.created = None;
        let id = id.into_u64();
        let at = self.stack.iter().rposition(|it| it.id == id && it.layer == layer)?;
        let Entry { key, entered, is_repeat, .. } = self.stack[at];
        self.remove(at);
        Some(ExitedSpan { key, entered, is_repeat })
    }

    /// Returns the key of a layer's innermost span.
    #[inline]
    pub(crate) fn key(&self, layer: u32) -> SpanKey {
        let innermost = self.stack.iter().rfind(|it| it.layer == layer && !it.is_repeat);
        innermost.map_or(SpanKey::NONE, |it| it.key)
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.stack.capacity() == 0 {
            self.stack.reserve(CAPACITY);
        }
        self.stack.push(entry);
    }

    /// Removes an entry, which is nearly always the last.
    #[inline]
    fn remove(&mut self, at: usize) {
        if at + 1 == self.stack.len() {
            self.stack.truncate(at);
        } else {
            self.stack.remove(at);
        }
    }
}

// === impl Entry ===

impl Entry {
    #[inline]
    fn new(id: u64) -> Self {
        Self {
            id,
            key: SpanKey::NONE,
            entered: Ticks::default(),
            registry: NONE,
            layer: NONE,
            is_repeat: false,
            is_closed: false,
            is_exited: false,
        }
    }

    /// Returns `true` for a span that the thread has entered and not exited in a registry.
    #[inline]
    fn is_in(&self, registry: u32, id: u64) -> bool {
        self.id == id && self.registry == registry && !self.is_exited
    }
}
