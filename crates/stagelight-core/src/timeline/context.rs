//! What sweeping needs from outside, and where its results go.

use crate::{
    catalog,
    clock::{Clock, Ticks},
    outcome::Outcome,
    store::{SeriesKey, Store, Writer},
    symbol::Symbol,
    timeline::{
        stage_cell::{StageCell, StageLabel},
        sweep::Closed,
    },
    well_known::{self, Groups},
};

/// What sweeping needs from the engine and the calling thread.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) store: &'a Store,
    pub(crate) groups: &'a Groups,
    pub(crate) writer: &'a mut Writer,
    /// The calling thread, to tell whether it is home.
    pub(crate) thread: u32,
}

// === impl Context ===

impl Context<'_> {
    pub(super) fn nanos(&self, offset: u64) -> u64 {
        self.clock.between(Ticks(0), Ticks(offset)).get()
    }

    /// Records all of an ended stage but its share, which is known for good only at the request's end.
    pub(super) fn record_stage(&mut self, stage: &StageCell, endpoint: Symbol, closed: Closed) {
        let busy = self.nanos(stage.busy());
        let name = stage.stage();
        let cells = self.writer.cells(self.store, &catalog::STAGE, SeriesKey::of([name, endpoint]));
        cells.record(catalog::STAGE_DURATION, closed.duration);
        cells.record(catalog::STAGE_BUSY, busy);
        let error = stage.label(StageLabel::Error);
        if error != Symbol::ABSENT {
            let key = SeriesKey::of([name, endpoint, error]);
            self.writer.cells(self.store, &catalog::STAGE_ERRORS, key).add(0, 1);
        }
        let position = match name {
            well_known::BACKEND_FETCH => catalog::BACKEND_TTFB,
            well_known::STREAM_PROCESSING => catalog::STREAMING_DURATION,
            _ => return,
        };
        let provider = well_known::or_unknown(stage.label(StageLabel::Provider));
        let model = well_known::or_unknown(stage.label(StageLabel::Model));
        let key = SeriesKey::of([provider, model, endpoint]);
        self.writer.cells(self.store, &catalog::BACKEND, key).record(position, closed.duration);
    }

    pub(super) fn record_shares(&mut self, shares: &mut Vec<(Symbol, u64)>, endpoint: Symbol) {
        for (stage, share) in shares.drain(..) {
            let cells =
                self.writer.cells(self.store, &catalog::STAGE, SeriesKey::of([stage, endpoint]));
            cells.record(catalog::STAGE_SHARE, share);
        }
    }

    /// Records a request as a whole; `frontend` is the sum of its frontend stages, if it had any.
    pub(crate) fn record_request(
        &mut self,
        endpoint: Symbol,
        outcome: Outcome,
        duration: u64,
        frontend: Option<u64>,
    ) {
        let series = SeriesKey::of([endpoint, well_known::outcome(outcome)]);
        self.writer.cells(self.store, &catalog::REQUEST, series).record(0, duration);
        if let Some(frontend) = frontend {
            let series = SeriesKey::of([endpoint]);
            self.writer.cells(self.store, &catalog::FRONTEND, series).record(0, frontend);
        }
    }
}
