//! The layer that makes traces, behind the gate.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, OnceLock},
};

use stagelight_core::{Arrival, Engine, Gate, Origin, SpanKey, UnrecordedTrace, Verdict};
use tracing::{
    Dispatch, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id},
};
use tracing_subscriber::Layer;

/// Stands where a layer that makes traces could be.
#[derive(Clone, Copy, Debug)]
pub struct Untraced;

impl<S: Subscriber> Layer<S> for Untraced {}

/// A layer that makes traces, and who decides which.
pub(crate) struct Traces<L> {
    pub(crate) layer: L,
    gate: Arc<dyn Gate>,
    /// The subscriber that the layer is part of.
    subscriber: OnceLock<WeakDispatch>,
}

thread_local! {
    /// Whether the engine was told that this thread is in a recorded span. Spares spans that are not recorded telling it of each.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

// === impl Traces ===

impl<L> Traces<L> {
    pub(crate) fn new(layer: L, gate: Arc<dyn Gate>) -> Self {
        Self { layer, gate, subscriber: OnceLock::new() }
    }

    /// Remembers the subscriber, which must not be kept alive by what is part of it.
    pub(crate) fn set_subscriber(&self, subscriber: &Dispatch) {
        // The first that is told stays: copies of it are the same subscriber.
        drop(self.subscriber.set(subscriber.downgrade()));
    }

    /// Tells the engine of the recorded span that the thread has entered, the layer knowing it by now.
    #[inline]
    pub(crate) fn entered(&self, engine: &Engine, key: SpanKey) {
        if key.is_traced() {
            let ids = self.gate.current();
            IS_INSIDE.set(ids.is_some());
            engine.enter_recorded(key, ids);
        } else if IS_INSIDE.replace(false) {
            // A request that is not recorded, within one that is.
            engine.set_inside(key, None);
        }
    }

    /// Tells the engine of the recorded span that the thread is in, after it has left another.
    #[inline]
    pub(crate) fn left(&self, engine: &Engine, left: SpanKey, innermost: SpanKey) {
        if left.is_traced() || (innermost.is_traced() && !innermost.is_none()) {
            let ids = self.gate.current().filter(|_| innermost.is_traced());
            IS_INSIDE.set(ids.is_some());
            engine.set_inside(innermost, ids);
        }
    }

    /// Marks a span that is about to close.
    #[cold]
    pub(crate) fn mark(&self, id: &Id) {
        if let Some(subscriber) = self.subscriber.get().and_then(WeakDispatch::upgrade) {
            self.gate.mark(&subscriber, id);
        }
    }

    /// Decides about a request, and runs `make` if its span is to be made known to the layer. Returns the span's key.
    ///
    /// `parent` is the key of the span above.
    pub(crate) fn open_request(
        &self,
        engine: &Engine,
        attributes: &Attributes<'_>,
        key: SpanKey,
        parent: SpanKey,
        make: &mut dyn FnMut(),
    ) -> SpanKey {
        let name = attributes.metadata().name();
        let caller = engine.caller_of(key);
        if caller.is_none()
            && let Some(UnrecordedTrace { trace_id, span_id, carried }) =
                engine.unrecorded_trace(parent)
        {
            // A request within a request that is not recorded is in the same trace.
            let verdict = Verdict { is_sampled: false, trace_id, span_id, carried };
            return engine.decide(key, &verdict);
        }
        let origin = match &caller {
            Some(caller) => Origin::Caller(caller),
            None if attributes.is_contextual() => Origin::Here,
            None if attributes.is_root() => Origin::Nowhere,
            // Only the layer knows the trace of an explicit parent, and so decides for itself.
            None => {
                make();
                return engine.leave_to_traces(key);
            }
        };
        let endpoint = || engine.endpoint_of(key);
        let verdict = self.gate.decide(Arrival { name, origin, endpoint: &endpoint });
        if verdict.is_sampled {
            self.gate.within(&verdict, origin, make);
        }
        engine.decide(key, &verdict)
    }
}

impl<L> fmt::Debug for Traces<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("gate", &self.gate).finish_non_exhaustive()
    }
}
