//! Metrics of a backend's stream, which belong to an open stage.

use tracing::Span;

use crate::{
    catalog::{
        Measurement, StreamBackendFamily,
        labels::{Endpoint, Model, Provider},
    },
    key::SpanKey,
    layer_api::{span_engine::SpanEngine, span_lookup::SpanLookup},
    timeline::{RequestIdentity, StageCell, StageLabel},
    well_known::{self, STREAM_PROCESSING},
};

/// An open stage `stream_processing`, for which stream metrics are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStage(SpanKey);

// === impl StreamStage ===

impl StreamStage {
    /// Returns the stage of a span, or `None` if the span is not an open stage
    /// `stream_processing` of this engine.
    #[must_use]
    pub fn from_span(spans: SpanEngine<'_>, span: &Span) -> Option<Self> {
        // There may be several subscribers, and keys of another engine mean nothing to this one.
        let key = span.with_subscriber(|(id, dispatch)| {
            let (found, key) = SpanLookup::find(dispatch, id)?;
            (found.engine_id() == spans.engine_id()).then_some(key)
        });
        let key = key.flatten().filter(|it| it.is_stage())?;
        let stage = spans.0.with_stage(key, 0, |it| it.stage())?;
        (stage == STREAM_PROCESSING).then_some(Self(key))
    }

    /// Records values of [`STREAM_BACKEND`](crate::catalog::STREAM_BACKEND) with the stage's
    /// provider and model and its request's endpoint.
    ///
    /// Does nothing after the stage has closed. Values are those of
    /// [`Engine::record`](crate::Engine::record).
    pub fn record(self, spans: SpanEngine<'_>, values: &[Measurement<StreamBackendFamily>]) {
        let state = spans.0;
        let backend =
            |it: &StageCell| [StageLabel::Provider, StageLabel::Model].map(|at| it.label(at));
        let Some(backend) = state.with_stage(self.0, 0, backend) else { return };
        let Some(endpoint) = state.read(self.0, RequestIdentity::endpoint) else { return };
        let [provider, model] = backend.map(well_known::or_unknown);
        let labels = (Provider::from(provider), Model::from(model), Endpoint::from(endpoint));
        state.with_thread(|thread| {
            let trace = thread.current.map(|it| it.trace_ref(&state.clock));
            if thread.writer.record(&state.store, &labels, values, trace) {
                state.mark_exemplar(self.0);
            }
        });
    }
}
