//! Requests beyond the limit: only their durations and outcomes are recorded.

use crate::{
    catalog::Outcome, clock::Ticks, key::SpanKey, symbol::Symbol, sync::Mutex,
    timeline::recorder::Recorder,
};

/// The most requests beyond the limit at once: 24 MiB. Further ones are only counted as dropped.
const MAX: usize = 1 << 20;

/// The open requests beyond the limit.
#[derive(Debug, Default)]
pub(crate) struct UnmeasuredRequests(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// By index. `None` if the request has ended.
    open: Vec<Option<(Ticks, Symbol)>>,
    free: Vec<u32>,
}

// === impl UnmeasuredRequests ===

impl UnmeasuredRequests {
    /// Starts a request and returns its key, or [`SpanKey::NONE`] when there are too many.
    pub(crate) fn start(&self, now: Ticks, endpoint: Symbol) -> SpanKey {
        let entries = &mut *self.0.lock();
        let request = Some((now, endpoint));
        if let Some(index) = entries.free.pop() {
            entries.open[index as usize] = request;
            return SpanKey::for_unmeasured(index);
        }
        match u32::try_from(entries.open.len()) {
            Ok(index) if entries.open.len() < MAX => {
                entries.open.push(request);
                SpanKey::for_unmeasured(index)
            }
            _ => SpanKey::NONE,
        }
    }

    /// Ends a request, and records its duration and outcome. Ignores other keys and later ends.
    pub(crate) fn end(
        &self,
        key: SpanKey,
        now: Ticks,
        outcome: Outcome,
        recorder: &mut Recorder<'_>,
    ) {
        let Some(index) = key.unmeasured() else { return };
        let ended = self.0.lock().open.get_mut(index as usize).and_then(Option::take);
        if let Some((started, endpoint)) = ended {
            let duration = recorder.clock.between(started, now).get();
            recorder.record_unmeasured(endpoint, outcome, duration);
        }
    }

    pub(crate) fn set_endpoint(&self, key: SpanKey, endpoint: Symbol) {
        let Some(index) = key.unmeasured() else { return };
        if let Some(Some(request)) = self.0.lock().open.get_mut(index as usize) {
            request.1 = endpoint;
        }
    }

    /// Frees the key of an ended request. Each key must be released once.
    pub(crate) fn release(&self, key: SpanKey) {
        if let Some(index) = key.unmeasured() {
            self.0.lock().free.push(index);
        }
    }
}
