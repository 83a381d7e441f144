//! The layer that makes traces, behind the policy.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, OnceLock},
};

use stagelight_core::{
    Engine, HeadDecision, ParentContext, SamplingInput, SamplingPolicy, UnsampledTrace,
    layer_api::SpanKey,
};
use tracing::{
    Dispatch, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id},
};
use tracing_subscriber::Layer;

/// Stands where a layer that makes traces could be.
#[derive(Clone, Copy, Debug)]
pub struct NoSpanRecorder;

impl<S: Subscriber> Layer<S> for NoSpanRecorder {}

/// A layer that makes traces, and who decides which.
pub(crate) struct SpanRecorderLayer<L> {
    pub(crate) layer: L,
    policy: Arc<dyn SamplingPolicy>,
    /// The subscriber that the layer is part of.
    subscriber: OnceLock<WeakDispatch>,
}

thread_local! {
    /// Whether the engine was told that this thread is in a recorded span. Spares spans that are not recorded telling it of each.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

// === impl SpanRecorderLayer ===

impl<L> SpanRecorderLayer<L> {
    pub(crate) fn new(layer: L, policy: Arc<dyn SamplingPolicy>) -> Self {
        Self { layer, policy, subscriber: OnceLock::new() }
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
            let ids = self.policy.current_ids();
            IS_INSIDE.set(ids.is_some());
            engine.spans().enter_recorded(key, ids);
        } else if IS_INSIDE.replace(false) {
            // A request that is not recorded, within one that is.
            engine.spans().set_current(key, None);
        }
    }

    /// Tells the engine of the recorded span that the thread is in, after it has left another.
    #[inline]
    pub(crate) fn left(&self, engine: &Engine, left: SpanKey, innermost: SpanKey) {
        if left.is_traced() || (innermost.is_traced() && !innermost.is_none()) {
            let ids = self.policy.current_ids().filter(|_| innermost.is_traced());
            IS_INSIDE.set(ids.is_some());
            engine.spans().set_current(innermost, ids);
        }
    }

    /// Marks a span that is about to close.
    #[cold]
    pub(crate) fn mark_for_exemplar(&self, id: &Id) {
        if let Some(subscriber) = self.subscriber.get().and_then(WeakDispatch::upgrade) {
            self.policy.mark_for_exemplar(&subscriber, id);
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
        let caller = engine.spans().remote_context(key);
        if caller.is_none()
            && let Some(UnsampledTrace { trace_id, span_id, propagated }) =
                engine.spans().unsampled_trace(parent)
        {
            // A request within a request that is not recorded is in the same trace.
            let decision = HeadDecision { is_sampled: false, trace_id, span_id, propagated };
            return engine.spans().decide(key, &decision);
        }
        let parent = match &caller {
            Some(caller) => ParentContext::Remote(caller),
            None if attributes.is_contextual() => ParentContext::Current,
            None if attributes.is_root() => ParentContext::Root,
            // Only the layer knows the trace of an explicit parent, and so decides for itself.
            None => {
                make();
                return engine.spans().defer_decision(key);
            }
        };
        let endpoint = || engine.spans().endpoint(key);
        let decision = self.policy.decide(SamplingInput { name, parent, endpoint: &endpoint });
        if decision.is_sampled {
            self.policy.in_parent_context(&decision, parent, make);
        }
        engine.spans().decide(key, &decision)
    }
}

impl<L> fmt::Debug for SpanRecorderLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanRecorderLayer").field("policy", &self.policy).finish_non_exhaustive()
    }
}
