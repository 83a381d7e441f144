//! Metrics of a backend's stream, which belong to an open stage.

use tracing::Span;

use crate::{
    catalog,
    key::SpanKey,
    layer_api::{span_engine::SpanEngine, span_lookup::SpanLookup},
    store::SeriesKey,
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
        let backend = spans.0.request(key)?.backend(key.slot())?;
        (backend.stage == STREAM_PROCESSING).then_some(Self(key))
    }

    /// Records values of [`catalog::STREAM_BACKEND`] with the stage's provider and model and its
    /// request's endpoint.
    ///
    /// Does nothing after the stage has closed. Values are those of
    /// [`Engine::record`](crate::Engine::record).
    pub fn record(self, spans: SpanEngine<'_>, values: &[(usize, u64)]) {
        let state = spans.0;
        let Some(request) = state.request(self.0) else { return };
        let Some(backend) = request.backend(self.0.slot()) else { return };
        let [provider, model] = [backend.provider, backend.model].map(well_known::or_unknown);
        let key = SeriesKey::new([provider, model, request.identity().endpoint()]);
        state.with_thread(|thread| {
            let trace = thread.current.map(|it| it.trace_ref(&state.clock));
            let family = &catalog::STREAM_BACKEND;
            if thread.writer.record(&state.store, family, key, values, trace) {
                request.identity().mark_exemplar();
            }
        });
    }
}
