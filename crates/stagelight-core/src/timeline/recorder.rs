//! Writes ended stages and requests to the store.

use crate::{
    catalog::{
        self, Measurement, Outcome, TypedFamily,
        labels::{Endpoint, ErrorType, Model, Provider, Stage},
    },
    clock::{Clock, Ticks},
    exemplar::TraceRef,
    store::{Store, Writer},
    symbol::Symbol,
    timeline::{
        edge_buffer::{StageCell, StageLabel},
        identity::RequestIdentity,
    },
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

// === impl EndedStage ===

impl EndedStage {
    #[inline]
    pub(super) fn new(cell: &StageCell, duration: u64, recorder: &Recorder<'_>) -> Self {
        Self {
            name: cell.stage(),
            provider: cell.label(StageLabel::Provider),
            model: cell.label(StageLabel::Model),
            error: cell.label(StageLabel::Error),
            span_id: cell.span_id(),
            duration,
            busy: recorder.nanos(cell.busy()),
        }
    }
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
        let labels = (Stage::from(stage.name), Endpoint::from(endpoint));
        let values = [
            catalog::REQUEST_STAGE_DURATION.value(stage.duration),
            catalog::REQUEST_STAGE_BUSY.value(stage.busy),
        ];
        let mut is_exemplar = self.record(&catalog::STAGE, labels, &values, trace);
        if stage.error != Symbol::ABSENT {
            let labels = (labels.0, labels.1, ErrorType::from(stage.error));
            self.writer.add(self.store, &labels, catalog::REQUEST_STAGE_ERRORS, 1);
        }
        let metric = match stage.name {
            well_known::BACKEND_FETCH if self.has_response_head(stage.error) => {
                Some(catalog::BACKEND_TTFB)
            }
            well_known::STREAM_PROCESSING => Some(catalog::STREAMING_DURATION),
            _ => None,
        };
        if let Some(metric) = metric {
            let labels = (
                Provider::from(well_known::or_unknown(stage.provider)),
                Model::from(well_known::or_unknown(stage.model)),
                Endpoint::from(endpoint),
            );
            let values = [metric.value(stage.duration)];
            is_exemplar |= self.record(&catalog::BACKEND, labels, &values, trace);
        }
        if is_exemplar {
            request.mark_exemplar();
        }
    }

    /// Returns `true` if a fetch that ended with this `error.type` got a response head: it has no
    /// error, or the error is a status code.
    fn has_response_head(&self, error: Symbol) -> bool {
        error == Symbol::ABSENT
            || is_status_code(&self.store.symbols.value(ErrorType::LABEL, error))
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
            let labels = (Stage::from(stage), Endpoint::from(endpoint));
            let values = [catalog::REQUEST_STAGE_SHARE.value(share)];
            is_exemplar |= self.record(&catalog::STAGE, labels, &values, trace);
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
        let labels = (Endpoint::from(endpoint), outcome);
        let values = [catalog::REQUEST_DURATION.value(duration)];
        let mut is_exemplar = self.record(&catalog::REQUEST, labels, &values, trace);
        if let Some(frontend) = frontend {
            let values = [catalog::FRONTEND_PROCESSING.value(frontend)];
            let labels = Endpoint::from(endpoint);
            is_exemplar |= self.record(&catalog::FRONTEND, labels, &values, trace);
        }
        if is_exemplar {
            request.mark_exemplar();
        }
    }

    /// Records a request beyond the limit.
    pub(super) fn record_unmeasured(&mut self, endpoint: Symbol, outcome: Outcome, duration: u64) {
        let values = [catalog::REQUEST_DURATION.value(duration)];
        self.record(&catalog::REQUEST, (Endpoint::from(endpoint), outcome), &values, None);
    }

    /// Returns `true` if a value may become an exemplar.
    fn record<F: TypedFamily>(
        &mut self,
        _family: &F,
        labels: F::Labels<'_>,
        values: &[Measurement<F>],
        trace: Option<TraceRef>,
    ) -> bool {
        self.writer.record(self.store, &labels, values, trace)
    }
}

/// Returns `true` for three digits.
fn is_status_code(error_type: &str) -> bool {
    error_type.len() == 3 && error_type.bytes().all(|it| it.is_ascii_digit())
}
