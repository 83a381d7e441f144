//! Ended requests with open spans, without the memory of an open request.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    clock::Ticks,
    key::SpanKey,
    symbol::Symbol,
    sync::{
        Mutex,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed},
            fence,
        },
    },
    timeline::{
        edge_buffer::{Edge, StageCell},
        identity::RequestIdentity,
        recorder::{EndedStage, Recorder},
        request_state::MAX_STAGES,
    },
};

/// The most requests kept this way: about 200 MiB. Further ones keep the memory of an open one.
const MAX: usize = 1 << 20;

/// Ended requests with open spans, by key.
#[derive(Debug, Default)]
pub(crate) struct EndedRequests {
    /// Saves threads with a stale key the mutex.
    len: AtomicUsize,
    requests: Mutex<FxHashMap<u64, EndedRequest>>,
    /// Memory that is not reused before the requests with its index are removed: its keys repeat.
    parked: Mutex<Vec<u32>>,
}

/// What the open spans of an ended request may still record.
#[derive(Debug)]
pub(crate) struct EndedRequest {
    pub(super) started: Ticks,
    pub(super) identity: RequestIdentity,
    /// The request's open spans: several if it was linked more than once.
    pub(super) holders: u32,
    pub(super) stages: Vec<LateStage>,
}

/// A stage that outlives its request.
#[derive(Debug)]
pub(super) struct LateStage {
    pub(super) slot: u16,
    /// Nanoseconds since the request's start.
    pub(super) opened: u64,
    pub(super) cell: StageCell,
}

// === impl EndedRequests ===

impl EndedRequests {
    /// Adds a request. Returns `false` if there are too many.
    pub(super) fn insert(&self, key: SpanKey, request: EndedRequest) -> bool {
        let mut requests = self.requests.lock();
        if MAX <= requests.len() {
            return false;
        }
        requests.insert(key.request_bits(), request);
        self.len.store(requests.len(), Relaxed);
        true
    }

    /// Releases a request when a span of it closes, and removes it with the last one. Returns
    /// whether it was the last one and an exemplar refers to the request, or `None` if the request
    /// is not here.
    pub(crate) fn release(&self, key: SpanKey) -> Option<bool> {
        if self.is_empty() {
            return None;
        }
        let mut requests = self.requests.lock();
        let holders = &mut requests.get_mut(&key.request_bits())?.holders;
        *holders -= 1;
        if *holders != 0 {
            return Some(false);
        }
        let request = requests.remove(&key.request_bits())?;
        if requests.len() < requests.capacity() / 8 {
            requests.shrink_to_fit();
        }
        self.len.store(requests.len(), Relaxed);
        Some(request.identity.is_exemplar())
    }

    /// Parks free memory if a request with its index is here. Returns whether one is.
    pub(crate) fn park(&self, index: u32) -> bool {
        let is_here = self.requests.lock().keys().any(|&it| SpanKey::request_of(it) == index);
        if is_here {
            self.parked.lock().push(index);
        }
        is_here
    }

    /// Removes and returns the parked memory that may be reused.
    pub(crate) fn unpark(&self) -> Vec<u32> {
        let mut parked = self.parked.lock();
        if parked.is_empty() {
            return Vec::new();
        }
        let requests = self.requests.lock();
        let here: FxHashSet<_> = requests.keys().map(|&it| SpanKey::request_of(it)).collect();
        let (kept, free) = parked.drain(..).partition(|it| here.contains(it));
        *parked = kept;
        free
    }

    /// Runs `f` with a request, or returns `None` if it is not here.
    #[cold]
    pub(crate) fn with<R>(
        &self,
        key: SpanKey,
        f: impl FnOnce(&mut EndedRequest) -> R,
    ) -> Option<R> {
        if self.is_empty() {
            return None;
        }
        self.requests.lock().get_mut(&key.request_bits()).map(f)
    }

    /// Runs `f` with an open stage.
    #[cold]
    pub(crate) fn with_stage<R>(&self, key: SpanKey, f: impl FnOnce(&StageCell) -> R) -> Option<R> {
        self.with(key, |it| it.stages.iter().find(|it| it.slot == key.slot()).map(|it| f(&it.cell)))
            .flatten()
    }

    fn is_empty(&self) -> bool {
        // The caller has seen the generation that was stored after the insertion.
        fence(Acquire);
        self.len.load(Relaxed) == 0
    }
}

// === impl EndedRequest ===

impl EndedRequest {
    pub(crate) fn identity(&self) -> &RequestIdentity {
        &self.identity
    }

    /// Opens a stage. Returns its slot, or `None` when too many stages are open.
    pub(crate) fn open(
        &mut self,
        now: Ticks,
        stage: Symbol,
        parent: u16,
        recorder: &Recorder<'_>,
    ) -> Option<u16> {
        let slot = self.free_slot()?;
        let cell = StageCell::default();
        cell.start(stage, parent);
        self.stages.push(LateStage { slot, opened: self.time(now, recorder), cell });
        Some(slot)
    }

    /// Returns the first free slot, or `None` when all are taken.
    fn free_slot(&self) -> Option<u16> {
        let mut taken = [0_u64; MAX_STAGES / 64];
        for slot in self.stages.iter().map(|it| usize::from(it.slot)) {
            *taken.get_mut(slot / 64)? |= 1 << (slot % 64);
        }
        let at = taken.iter().position(|it| *it != u64::MAX)?;
        u16::try_from(64 * at + taken[at].trailing_ones() as usize).ok()
    }

    /// Closes a stage and records it, without a share.
    #[cold]
    pub(crate) fn close(&mut self, now: Ticks, slot: u16, recorder: &mut Recorder<'_>) {
        let Some(at) = self.stages.iter().position(|it| it.slot == slot) else { return };
        let LateStage { opened, cell, .. } = self.stages.swap_remove(at);
        let duration = self.time(now, recorder).saturating_sub(opened);
        recorder.record_stage(EndedStage::new(&cell, duration, recorder), &self.identity);
    }

    /// Returns nanoseconds since the request's start.
    fn time(&self, now: Ticks, recorder: &Recorder<'_>) -> u64 {
        recorder.nanos(now.0.saturating_sub(self.started.0).min(Edge::MAX_OFFSET))
    }
}
