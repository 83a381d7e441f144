//! Streams of backends: figures that belong to a stage, told by whoever polls it.

use crate::{
    catalog,
    engine::Engine,
    key::SpanKey,
    lookup::SpanLookup,
    state,
    store::SeriesKey,
    well_known::{self, STREAM_PROCESSING},
};

// === impl Engine ===

impl Engine {
    /// Returns the key of a span that is an open stage `stream_processing`, for [`record_stream`](Self::record_stream).
    #[must_use]
    pub fn stream_key(&self, span: &tracing::Span) -> Option<SpanKey> {
        // There may be several subscribers, and another engine's keys mean nothing to this one.
        let key = span.with_subscriber(|(id, dispatch)| {
            let (engine, key) = SpanLookup::find(dispatch, id)?;
            (engine.id() == self.id()).then_some(key)
        });
        let key = key.flatten()?;
        let record = state::record(&self.0, key).filter(|_| key.is_stage())?;
        (record.backend(key.slot())?.stage == STREAM_PROCESSING).then_some(key)
    }

    /// Records values of [`catalog::STREAM_BACKEND`] under the provider and model that the stage has told, and its request's endpoint.
    ///
    /// Does nothing once the stage has been closed. Values are as for [`record`](Self::record).
    pub fn record_stream(&self, key: SpanKey, values: &[(usize, u64)]) {
        let Some(record) = state::record(&self.0, key).filter(|_| key.is_stage()) else { return };
        let Some(backend) = record.backend(key.slot()) else { return };
        let labels = [backend.provider, backend.model].map(well_known::or_unknown);
        let series = SeriesKey::new([labels[0], labels[1], record.identity().endpoint()]);
        state::with(&self.0, |local| {
            let current = local.current.map(|it| it.trace_ref(&self.0.clock));
            let family = &catalog::STREAM_BACKEND;
            if local.writer.record(&self.0.store, family, series, values, current) {
                record.identity().mark_exemplar();
            }
        });
    }
}
