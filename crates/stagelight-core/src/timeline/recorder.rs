//! Writes ended stages and requests to the store.

use crate::{
    catalog::{self, Family},
    clock::{Clock, Ticks},
    exemplar::TraceRef,
    outcome::Outcome,
    store::{SeriesKey, Store, Writer},
    symbol::Symbol,
    timeline::identity::RequestIdentity,
    well_known::{self, Groups},
};

/// The engine and the calling thread's writer, as one call records with them.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) store: &'a Store,
    pub(crate) groups: &'a Groups,
    pub(crate) writer: &'a mut Writer,
    /// The calling thread.
    pub(crate) thread: u32,
}

/// A stage that has ended. Times are nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndedStage {
    pub(super) name: Symbol,
    pub(super) provider: Symbol,
    pub(super) model: Symbol,
    pub(super) error: Symbol,
    /// The recorded span, or zero.
    pub(super) span_id: u64,
    pub(super) duration: u64,
    pub(super) busy: u64,
}

// === impl Recorder ===

impl Recorder<'_> {
    /// Converts ticks to nanoseconds.
    pub(super) fn nanos(&self, ticks: u64) -> u64 {
        self.clock.between(Ticks(0), Ticks(ticks)).get()
    }

    /// Records everything about an ended stage except its share, which is final only at the
    /// request's end.
    #[inline]
    pub(super) fn record_stage(&mut self, stage: EndedStage, request: &RequestIdentity) {
        let endpoint = request.endpoint();
        let trace = request.trace_ref(stage.span_id, self.clock);
        let key = SeriesKey::new([stage.name, endpoint]);
        let values = [(catalog::STAGE_DURATION, stage.duration), (catalog::STAGE_BUSY, stage.busy)];
        let mut is_exemplar = self.record(&catalog::STAGE, key, &values, trace);
        if stage.error != Symbol::ABSENT {
            let key = SeriesKey::new([stage.name, endpoint, stage.error]);
            self.writer.cells(self.store, &catalog::STAGE_ERRORS, key).add(0, 1);
        }
        let position = match stage.name {
            well_known::BACKEND_FETCH => Some(catalog::BACKEND_TTFB),
            well_known::STREAM_PROCESSING => Some(catalog::STREAMING_DURATION),
            _ => None,
        };
        if let Some(position) = position {
            let [provider, model] = [stage.provider, stage.model].map(well_known::or_unknown);
            let key = SeriesKey::new([provider, model, endpoint]);
            let values = [(position, stage.duration)];
            is_exemplar |= self.record(&catalog::BACKEND, key, &values, trace);
        }
        if is_exemplar {
            request.mark_exemplar();
        }
    }

    /// Records and removes the shares of stages.
    pub(super) fn record_shares(
        &mut self,
        shares: &mut Vec<(Symbol, u64)>,
        request: &RequestIdentity,
    ) {
        let endpoint = request.endpoint();
        let trace = request.trace_ref(0, self.clock);
        let mut is_exemplar = false;
        for (stage, share) in shares.drain(..) {
            let key = SeriesKey::new([stage, endpoint]);
            let values = [(catalog::STAGE_SHARE, share)];
            is_exemplar |= self.record(&catalog::STAGE, key, &values, trace);
        }
        if is_exemplar {
            request.mark_exemplar();
        }
    }

    /// Records a request as a whole. `frontend` is the sum of its frontend stages, if it had any.
    pub(super) fn record_request(
        &mut self,
        outcome: Outcome,
        duration: u64,
        frontend: Option<u64>,
        request: &RequestIdentity,
    ) {
        let endpoint = request.endpoint();
        let trace = request.trace_ref(0, self.clock);
        let key = SeriesKey::new([endpoint, well_known::outcome(outcome)]);
        let mut is_exemplar = self.record(&catalog::REQUEST, key, &[(0, duration)], trace);
        if let Some(frontend) = frontend {
            let key = SeriesKey::new([endpoint]);
            is_exemplar |= self.record(&catalog::FRONTEND, key, &[(0, frontend)], trace);
        }
        if is_exemplar {
            request.mark_exemplar();
        }
    }

    /// Returns `true` if a value may become an exemplar.
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
