//! Streams of backends: figures that belong to a stage, told by whoever polls it.

use std::fmt;

use crate::{
    catalog,
    engine::Engine,
    key::SpanKey,
    local, spans,
    store::SeriesKey,
    well_known::{self, STREAM_PROCESSING},
};

/// Finds the key that a front end keeps for a span.
///
/// For code that has a span and wants to add to what is measured of it; the tracing layer implements it.
pub trait SpanKeys: Send + Sync + fmt::Debug {
    /// Returns the key of an open span, or [`SpanKey::NONE`] if it is in no request of this front end's engine.
    fn key_of(&self, span: &tracing::Span) -> SpanKey;
}

// === impl Engine ===

impl Engine {
    /// Sets how the keys of spans are found. The first call counts; later ones return `false`.
    pub fn set_span_keys(&self, keys: impl SpanKeys + 'static) -> bool {
        self.0.span_keys.set(Box::new(keys)).is_ok()
    }

    /// Returns the key of a span that is an open stage `stream_processing`, for [`record_stream`](Self::record_stream).
    #[must_use]
    pub fn stream_key(&self, span: &tracing::Span) -> Option<SpanKey> {
        let key = self.0.span_keys.get()?.key_of(span);
        let record = spans::record(&self.0, key).filter(|_| key.is_stage())?;
        (record.backend_of(key.slot())?.stage == STREAM_PROCESSING).then_some(key)
    }

    /// Records values of [`catalog::STREAM_BACKEND`] under the provider and model that the stage has told, and its request's endpoint.
    ///
    /// Does nothing once the stage has been closed. Values are as for [`record`](Self::record).
    pub fn record_stream(&self, key: SpanKey, values: &[(usize, u64)]) {
        let Some(record) = spans::record(&self.0, key).filter(|_| key.is_stage()) else { return };
        let Some(backend) = record.backend_of(key.slot()) else { return };
        let labels = [backend.provider, backend.model].map(well_known::or_unknown);
        let series = SeriesKey::of([labels[0], labels[1], record.endpoint()]);
        local::with(&self.0, |local| {
            let inside = local.inside.map(|it| it.traced(&self.0.clock));
            let family = &catalog::STREAM_BACKEND;
            if local.writer.record(&self.0.store, family, series, values, inside) {
                record.trace().use_as_exemplar();
            }
        });
    }
}
