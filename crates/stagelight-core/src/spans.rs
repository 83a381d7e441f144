//! The engine as a front end sees it: spans that open, are polled, and close.
//!
//! A front end (the tracing layer is one) keeps a [`SpanKey`] for each span and hands it back with each edge. The engine knows nothing
//! of span ids, fields or contexts.

use crate::{
    catalog::Label,
    clock::Ticks,
    engine::Engine,
    key::SpanKey,
    outcome::Outcome,
    stage::Group,
    state::{self, record, recorder, release, start},
    symbol::Symbol,
    timeline::StageLabel,
    well_known::Dropped,
};

/// A stage's name, looked up once so that it can be used many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageId(Symbol);

/// An attribute of a stage that its span may tell at any time before it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageAttribute {
    /// Who runs the backend.
    Provider,
    /// What the backend runs.
    Model,
    /// The class of the error that the stage ended with.
    ErrorType,
}

// === impl Engine ===

impl Engine {
    /// Looks up a stage by name.
    ///
    /// # Cost
    ///
    /// One hash look-up; a front end remembers the result for each callsite.
    #[must_use]
    pub fn stage_id(&self, name: &str) -> StageId {
        StageId(state::with(&self.0, |it| it.writer.symbol(&self.0.store, Label::Stage, name)))
    }

    /// Puts a stage into a group; see [`register_stage`](Self::register_stage).
    pub fn set_group(&self, stage: StageId, group: Group) {
        self.0.groups.set(stage.0, group);
    }

    /// Opens a request's span: that of the [`Request`](crate::Request) that waits for one on this thread, else of a request of
    /// its own, which ends with [`end_span_request`](Self::end_span_request) or when the span closes.
    #[must_use]
    pub fn open_request_span(&self, endpoint: &str) -> SpanKey {
        state::with(&self.0, |local| {
            let pending = std::mem::take(&mut local.pending);
            if let Some(record) = record(&self.0, pending) {
                record.hold();
                return pending;
            }
            let endpoint = local.writer.symbol(&self.0.store, Label::Endpoint, endpoint);
            start(&self.0, local, self.0.clock.now(), endpoint, false)
        })
    }

    /// Opens a stage below `parent`. Counted and not measured when `parent` is in no request, or has too many stages open.
    ///
    /// # Cost
    ///
    /// One clock read and some relaxed stores on the thread that the request began on; elsewhere a mutex that is the request's own.
    #[must_use]
    pub fn open_stage(&self, parent: SpanKey, stage: StageId) -> SpanKey {
        self.open_stage_at(parent, stage, self.0.clock.now())
    }

    /// Opens a stage that began at `now`, for a caller that has read the clock; see [`open_stage`](Self::open_stage).
    #[must_use]
    pub fn open_stage_at(&self, parent: SpanKey, stage: StageId, now: Ticks) -> SpanKey {
        state::with(&self.0, |local| {
            let Some(record) = record(&self.0, parent) else {
                local.writer.count_dropped(&self.0.store, Dropped::OutsideRequest);
                // Of a request that is over, it is still known whether it was sampled.
                return parent.plain();
            };
            let slot = record.open(now, stage.0, parent.slot(), &mut recorder(&self.0, local));
            if let Some(slot) = slot {
                return parent.stage(slot);
            }
            local.writer.count_dropped(&self.0.store, Dropped::TooManyStages);
            parent.plain()
        })
    }

    /// Adds time in which a stage's future was polled, from `entered` to `left`.
    pub fn add_busy(&self, key: SpanKey, entered: Ticks, left: Ticks) {
        let Some(record) = record(&self.0, key).filter(|_| key.is_stage()) else { return };
        let ticks = left.0.saturating_sub(entered.0);
        // Within, so that two threads that share the spare part do not both take themselves for home at once.
        state::with(&self.0, |local| record.add_busy(ticks, key.slot(), local.thread));
    }

    /// Sets an attribute of an open stage; the last value counts. Nothing for other spans.
    pub fn set_attribute(&self, key: SpanKey, attribute: StageAttribute, value: &str) {
        let Some(record) = record(&self.0, key).filter(|_| key.is_stage()) else { return };
        let (label, name) = match attribute {
            StageAttribute::Provider => (StageLabel::Provider, Label::Provider),
            StageAttribute::Model => (StageLabel::Model, Label::Model),
            StageAttribute::ErrorType => (StageLabel::Error, Label::ErrorType),
        };
        let value = state::with(&self.0, |it| it.writer.symbol(&self.0.store, name, value));
        record.set_label(key.slot(), label, value);
    }

    /// Ends the request of a request span, unless a [`Request`](crate::Request) decides that. Only the first call counts.
    pub fn end_span_request(&self, key: SpanKey, outcome: Outcome) {
        if !key.is_request() {
            return;
        }
        let now = self.0.clock.now();
        if let Some(record) = record(&self.0, key).filter(|it| !it.has_guard()) {
            state::with(&self.0, |local| {
                record.end(now, outcome, &mut recorder(&self.0, local));
            });
        }
    }

    /// Closes a span. Each open span is closed once, after all spans below it.
    pub fn close(&self, key: SpanKey) {
        let _is_exemplar = self.close_recorded(key);
    }

    /// Does what [`close`](Self::close) does. Returns whether the span was a request's, of which values became
    /// [exemplars](crate::ExemplarReader): its trace should be kept.
    #[must_use]
    pub fn close_recorded(&self, key: SpanKey) -> bool {
        if !key.is_stage() && !key.is_request() {
            return false;
        }
        let now = self.0.clock.now();
        let Some(record) = record(&self.0, key) else { return false };
        state::with(&self.0, |local| {
            if key.is_stage() {
                record.close(now, key.slot(), &mut recorder(&self.0, local));
                return false;
            }
            let outcome = (!record.has_guard()).then_some(Outcome::Ok);
            release(&self.0, local, key, now, outcome).is_some_and(|it| it.is_exemplar)
        })
    }
}
