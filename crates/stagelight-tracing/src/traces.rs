//! The layer that makes traces, behind the gate.

use std::{fmt, sync::Arc};

use stagelight_core::{Engine, Gate, Origin, SpanKey, UnrecordedTrace, Verdict};
use tracing::{Subscriber, span::Attributes};
use tracing_subscriber::Layer;

/// Stands where a layer that makes traces could be.
#[derive(Clone, Copy, Debug)]
pub struct Untraced;

impl<S: Subscriber> Layer<S> for Untraced {}

/// A layer that makes traces, and who decides which.
pub(crate) struct Traces<L> {
    pub(crate) layer: L,
    pub(crate) gate: Arc<dyn Gate>,
}

// === impl Traces ===

impl<L> Traces<L> {
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
        let verdict = self.gate.decide(name, origin);
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
