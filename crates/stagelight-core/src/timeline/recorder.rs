//! What sweeping needs from outside, and where its results go.

use crate::{
    catalog::{self, Family},
    clock::{Clock, Ticks},
    exemplar::TraceRef,
    outcome::Outcome,
    store::{SeriesKey, Store, Writer},
    symbol::Symbol,
    timeline::{
        edge_buffer::EdgeBuffer,
        shares::ClosedStage,
        stage_cell::{StageCell, StageLabel},
    },
    well_known::{self, Groups},
};

/// What sweeping needs from the engine and the calling thread.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) store: &'a Store,
    pub(crate) groups: &'a Groups,
    pub(crate) writer: &'a mut Writer,
    /// The calling thread, to tell whether it is home.
    pub(crate) thread: u32,
}

// === impl Context ===

impl Recorder<'_> {
    pub(super) fn nanos(&self, offset: u64) -> u64 {
        self.clock.between(Ticks(0), Ticks(offset)).get()
    }

    /// Records all of an ended stage but its share, which is known for good only at the request's end.
    pub(super) fn record_stage(
        &mut self,
        stage: &StageCell,
        buffer: &EdgeBuffer,
        closed: ClosedStage,
    ) {
        let endpoint = buffer.endpoint();
        let trace = buffer.trace().trace_ref(stage.span_id(), self.clock);
        let busy = self.nanos(stage.busy());
        let name = stage.stage();
        let values = [(catalog::STAGE_DURATION, closed.duration), (catalog::STAGE_BUSY, busy)];
        let mut is_exemplar =
            self.record(&catalog::STAGE, SeriesKey::new([name, endpoint]), &values, trace);
        let error = stage.label(StageLabel::Error);
        if error != Symbol::ABSENT {
            let key = SeriesKey::new([name, endpoint, error]);
            self.writer.cells(self.store, &catalog::STAGE_ERRORS, key).add(0, 1);
        }
        let position = match name {
            well_known::BACKEND_FETCH => Some(catalog::BACKEND_TTFB),
            well_known::STREAM_PROCESSING => Some(catalog::STREAMING_DURATION),
            _ => None,
        };
        if let Some(position) = position {
            let provider = well_known::or_unknown(stage.label(StageLabel::Provider));
            let model = well_known::or_unknown(stage.label(StageLabel::Model));
            let key = SeriesKey::new([provider, model, endpoint]);
            let values = [(position, closed.duration)];
            is_exemplar |= self.record(&catalog::BACKEND, key, &values, trace);
        }
        if is_exemplar {
            buffer.trace().use_as_exemplar();
        }
    }

    pub(super) fn record_shares(&mut self, shares: &mut Vec<(Symbol, u64)>, buffer: &EdgeBuffer) {
        let endpoint = buffer.endpoint();
        let trace = buffer.trace().trace_ref(0, self.clock);
        let mut is_exemplar = false;
        for (stage, share) in shares.drain(..) {
            let key = SeriesKey::new([stage, endpoint]);
            let values = [(catalog::STAGE_SHARE, share)];
            is_exemplar |= self.record(&catalog::STAGE, key, &values, trace);
        }
        if is_exemplar {
            buffer.trace().use_as_exemplar();
        }
    }

    /// Records a request as a whole; `frontend` is the sum of its frontend stages, if it had any.
    pub(super) fn record_request(
        &mut self,
        buffer: &EdgeBuffer,
        outcome: Outcome,
        duration: u64,
        frontend: Option<u64>,
    ) {
        let endpoint = buffer.endpoint();
        let trace = buffer.trace().trace_ref(0, self.clock);
        let series = SeriesKey::new([endpoint, well_known::outcome(outcome)]);
        let mut is_exemplar = self.record(&catalog::REQUEST, series, &[(0, duration)], trace);
        if let Some(frontend) = frontend {
            let series = SeriesKey::new([endpoint]);
            is_exemplar |= self.record(&catalog::FRONTEND, series, &[(0, frontend)], trace);
        }
        if is_exemplar {
            buffer.trace().use_as_exemplar();
        }
    }

    fn record(
        &mut self,
        family: &'static Family,
        key: SeriesKey,
        values: &[(usize, u64)],
        trace: Option<TraceRef>,
    ) -> bool {
        self.writer.record(self.store, family, key, values, trace)
    }
}
