//! The layer that records spans of traces, behind the sampling policy.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, OnceLock},
};

use stagelight_core::{
    HeadDecision, ParentContext, SamplingInput, SamplingPolicy, UnsampledTrace,
    layer_api::{SpanEngine, SpanKey},
};
use tracing::{
    Dispatch, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id},
};
use tracing_subscriber::Layer;

/// A span recorder that records nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoSpanRecorder;

impl<S: Subscriber> Layer<S> for NoSpanRecorder {}

/// A layer that records the spans of sampled requests.
pub(crate) struct SpanRecorderLayer<L> {
    pub(crate) layer: L,
    policy: Arc<dyn SamplingPolicy>,
    /// The subscriber that the layer is part of.
    subscriber: OnceLock<WeakDispatch>,
}

thread_local! {
    /// Whether the engine has a current span for this thread. Saves unsampled spans the update.
    static HAS_CURRENT: Cell<bool> = const { Cell::new(false) };
}

// === impl SpanRecorderLayer ===

impl<L> SpanRecorderLayer<L> {
    pub(crate) fn new(layer: L, policy: Arc<dyn SamplingPolicy>) -> Self {
        Self { layer, policy, subscriber: OnceLock::new() }
    }

    /// Stores a weak reference to the subscriber, which owns this layer.
    pub(crate) fn set_subscriber(&self, subscriber: &Dispatch) {
        // The first one remains: later ones are clones of it.
        drop(self.subscriber.set(subscriber.downgrade()));
    }

    /// Updates the thread's current span after the layer has entered one.
    #[inline]
    pub(crate) fn entered(&self, spans: SpanEngine<'_>, key: SpanKey) {
        if key.is_traced() {
            let ids = self.policy.current_ids();
            HAS_CURRENT.set(ids.is_some());
            spans.enter_recorded(key, ids);
        } else if HAS_CURRENT.replace(false) {
            // An unsampled request inside a sampled one.
            spans.set_current(key, None);
        }
    }

    /// Updates the thread's current span after the layer has exited one.
    #[inline]
    pub(crate) fn exited(&self, spans: SpanEngine<'_>, exited: SpanKey, innermost: SpanKey) {
        if exited.is_traced() || (innermost.is_traced() && !innermost.is_none()) {
            let ids = self.policy.current_ids().filter(|_| innermost.is_traced());
            HAS_CURRENT.set(ids.is_some());
            spans.set_current(innermost, ids);
        }
    }

    /// Marks a span before it closes.
    #[cold]
    pub(crate) fn mark_for_exemplar(&self, id: &Id) {
        if let Some(subscriber) = self.subscriber.get().and_then(WeakDispatch::upgrade) {
            self.policy.mark_for_exemplar(&subscriber, id);
        }
    }

    /// Makes the sampling decision for a new request, and runs `forward` if the layer receives its
    /// span. Returns the span's key with the decision.
    ///
    /// `parent` is the key of the parent span.
    pub(crate) fn open_request(
        &self,
        spans: SpanEngine<'_>,
        attributes: &Attributes<'_>,
        key: SpanKey,
        parent: SpanKey,
        forward: &mut dyn FnMut(),
    ) -> SpanKey {
        let remote = spans.remote_context(key);
        if remote.is_none()
            && let Some(trace) = spans.unsampled_trace(parent)
        {
            // A request inside an unsampled request is part of the same trace.
            let UnsampledTrace { trace_id, span_id, propagated } = trace;
            let decision = HeadDecision { is_sampled: false, trace_id, span_id, propagated };
            return spans.decide(key, &decision);
        }
        let parent = match &remote {
            Some(remote) => ParentContext::Remote(remote),
            None if attributes.is_contextual() => ParentContext::Current,
            None if attributes.is_root() => ParentContext::Root,
            // Only the layer knows the trace of an explicit parent.
            None => {
                forward();
                return spans.defer_decision(key);
            }
        };
        let name = attributes.metadata().name();
        let endpoint = || spans.endpoint(key);
        let decision = self.policy.decide(SamplingInput { name, parent, endpoint: &endpoint });
        if decision.is_sampled {
            self.policy.in_parent_context(&decision, parent, forward);
        }
        spans.decide(key, &decision)
    }
}

impl<L> fmt::Debug for SpanRecorderLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanRecorderLayer").field("policy", &self.policy).finish_non_exhaustive()
    }
}
