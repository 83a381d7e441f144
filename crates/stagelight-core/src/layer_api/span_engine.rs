//! An engine as a layer uses it.

use std::sync::Arc;

use crate::{
    catalog::{
        Outcome,
        labels::{Endpoint, ErrorType, Model, Provider, Stage},
    },
    clock::{Clock, Ticks},
    engine_state::EngineState,
    key::SpanKey,
    stage::Group,
    symbol::Symbol,
    thread_state::{CurrentSpan, ThreadState},
    timeline::{RequestIdentity, StageLabel},
    trace::{HeadDecision, RemoteContext, UnsampledTrace},
};

/// Opens and closes the spans of requests and stages.
///
/// A cheap reference to an engine, returned by [`Engine::spans`](crate::Engine::spans).
#[derive(Clone, Copy, Debug)]
pub struct SpanEngine<'a>(pub(crate) &'a Arc<EngineState>);

/// The name of a stage, looked up once for repeated use with the same engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageId(Symbol);

/// An attribute of a stage that its span may set until it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageAttribute {
    /// The provider of the backend.
    Provider,
    /// The model that the backend runs.
    Model,
    /// The class of the error with which the stage ended.
    ErrorType,
}

// === impl SpanEngine ===

impl<'a> SpanEngine<'a> {
    /// Returns a number unique among the engines of the process.
    #[must_use]
    pub fn engine_id(self) -> u64 {
        self.0.id
    }

    /// Returns the engine's clock.
    #[must_use]
    pub fn clock(self) -> &'a Clock {
        &self.0.clock
    }

    /// Looks up a stage by name.
    ///
    /// # Cost
    ///
    /// One hash look-up. `StageLayer` caches the result for each callsite.
    #[must_use]
    pub fn stage_id(self, name: &str) -> StageId {
        StageId(self.0.with_thread(|it| it.writer.symbol(&self.0.store, Stage::new(name))))
    }

    /// Assigns a stage to a group; see [`Engine::register_stage`](crate::Engine::register_stage).
    pub fn set_group(self, stage: StageId, group: Group) {
        self.0.groups.set(stage.0, group);
    }

    /// Opens a request span.
    ///
    /// It belongs to the [`Request`](crate::Request) with a running
    /// [`link`](crate::Request::link) on this thread. Without one, it starts a request of its own,
    /// which [`end_request`](Self::end_request) or the close of the span ends.
    #[must_use]
    pub fn open_request(self, endpoint: &str) -> SpanKey {
        self.0.with_thread(|thread| {
            let pending = std::mem::take(&mut thread.pending);
            if let Some(request) = self.0.request(pending) {
                request.hold();
                return pending;
            }
            if pending.is_unmeasured() {
                // Its guard records it.
                return pending.plain();
            }
            let endpoint = thread.writer.symbol(&self.0.store, Endpoint::new(endpoint));
            self.0.start_request(thread, self.0.clock.now(), endpoint, false)
        })
    }

    /// Opens a stage below `parent`.
    ///
    /// If `parent` is in no request or its request has 1,024 open stages, the stage is counted in
    /// [`catalog::DROPPED`](crate::catalog::DROPPED) and not measured. If its request is beyond
    /// the limit of open requests, the stage is not measured, and only the request is counted.
    ///
    /// # Cost
    ///
    /// A clock read and some relaxed stores on the request's owner thread. Other threads take the
    /// request's mutex.
    #[must_use]
    pub fn open_stage(self, parent: SpanKey, stage: StageId) -> SpanKey {
        self.open_stage_at(parent, stage, self.0.clock.now())
    }

    /// Opens a stage that began at `now`; see [`open_stage`](Self::open_stage).
    #[must_use]
    pub fn open_stage_at(self, parent: SpanKey, stage: StageId, now: Ticks) -> SpanKey {
        self.0.with_thread(|thread| {
            self.0.open_stage(thread, parent, now, stage.0).unwrap_or_else(|reason| {
                if !parent.is_unmeasured() {
                    thread.writer.count_dropped_stage(&self.0.store, reason, stage.0);
                }
                // The key of an ended request still has its sampling decision.
                parent.plain()
            })
        })
    }

    /// Adds to the busy time of a stage, from `entered` to `left`. Ignores other spans.
    pub fn add_busy(self, key: SpanKey, entered: Ticks, left: Ticks) {
        if key.is_stage() {
            let ticks = left.0.saturating_sub(entered.0);
            // Inside, so that two threads that share the spare part cannot both be the owner.
            self.0.with_thread(|thread| self.0.add_busy(thread, key, ticks));
        }
    }

    /// Sets an attribute of an open stage. The last value counts. Ignores other spans.
    pub fn set_attribute(self, key: SpanKey, attribute: StageAttribute, value: &str) {
        if !key.is_stage() {
            return;
        }
        self.0.with_thread(|thread| {
            let (writer, store) = (&mut thread.writer, &self.0.store);
            let (label, value) = match attribute {
                StageAttribute::Provider => {
                    (StageLabel::Provider, writer.symbol(store, Provider::new(value)))
                }
                StageAttribute::Model => {
                    (StageLabel::Model, writer.symbol(store, Model::new(value)))
                }
                StageAttribute::ErrorType => {
                    (StageLabel::Error, writer.symbol(store, ErrorType::new(value)))
                }
            };
            self.0.with_stage(key, thread.number, |it| it.set_label(label, value));
        });
    }

    /// Ends the request of a request span, unless it has a [`Request`](crate::Request), which
    /// ends it. Only the first call counts.
    pub fn end_request(self, key: SpanKey, outcome: Outcome) {
        if key.is_request() || key.unmeasured().is_some() {
            self.0.with_thread(|thread| self.0.end_request(key, thread, outcome));
        }
    }

    /// Closes a span. Each open span must be closed once, after its children.
    ///
    /// Returns `true` for a request span that an [exemplar](crate::ExemplarReader) refers to, so
    /// that its trace is kept.
    #[expect(clippy::must_use_candidate, reason = "only a span recorder needs the result")]
    pub fn close(self, key: SpanKey) -> bool {
        if key.is_plain() {
            return false;
        }
        let now = self.0.clock.now();
        self.0.with_thread(|thread| {
            if key.is_stage() {
                self.0.close_stage(thread, key, now);
                return false;
            }
            self.0.close_request(thread, key, now)
        })
    }

    /// Returns the remote trace context of a span's request.
    #[must_use]
    pub fn remote_context(self, key: SpanKey) -> Option<RemoteContext> {
        self.0.read(key, RequestIdentity::remote_context)?
    }

    /// Returns the current endpoint of a span's request, or `None` if it is not measured.
    ///
    /// # Cost
    ///
    /// An uncontended read lock.
    #[must_use]
    pub fn endpoint(self, key: SpanKey) -> Option<Arc<str>> {
        let endpoint = self.0.read(key, RequestIdentity::endpoint)?;
        Some(self.0.store.symbols.value(Endpoint::LABEL, endpoint))
    }

    /// Stores the head sampling decision for a new request span.
    ///
    /// Returns the span's key with the decision, which all keys below it inherit. Returns the same
    /// key for an unmeasured request.
    #[must_use]
    pub fn decide(self, key: SpanKey, decision: &HeadDecision) -> SpanKey {
        let Some(request) = self.0.request(key) else { return key };
        request.identity().decide(decision);
        key.with_decision(decision.is_sampled)
    }

    /// Leaves the sampling decision for a new request span to the span recorder, which therefore
    /// receives the request's spans. Returns the span's key with that choice.
    #[must_use]
    pub fn defer_decision(self, key: SpanKey) -> SpanKey {
        key.with_decision(true)
    }

    /// Returns the trace context that an unsampled request propagates.
    ///
    /// Returns `None` for sampled and undecided requests.
    #[must_use]
    pub fn unsampled_trace(self, key: SpanKey) -> Option<UnsampledTrace> {
        let trace = |identity: &RequestIdentity| {
            let (trace_id, span_id) = identity.unsampled_ids()?;
            Some(UnsampledTrace { trace_id, span_id, propagated: identity.remote_context() })
        };
        self.0.read(key, trace)?
    }

    /// Sets the calling thread's current span, and the trace and span ids it is recorded under
    /// (`None` if it is not recorded). Call it after the thread enters the span.
    ///
    /// Values of the span's stage or request, and values that the thread records from now on, may
    /// become [exemplars](crate::ExemplarReader).
    pub fn enter_recorded(self, key: SpanKey, ids: Option<(u128, u64)>) {
        self.set_current(key, ids);
        let Some(ids) = ids else { return };
        if key.is_request() {
            self.0.set_recorded(key, ids);
        } else if key.is_stage() {
            let set = |thread: &mut ThreadState| {
                self.0.with_stage(key, thread.number, |it| it.set_span_id(ids.1));
            };
            self.0.with_thread(set);
        }
    }

    /// Sets the calling thread's current span, as [`enter_recorded`](Self::enter_recorded) does.
    /// Call it after the thread leaves another span.
    pub fn set_current(self, key: SpanKey, ids: Option<(u128, u64)>) {
        let current = ids.map(|(trace_id, span_id)| CurrentSpan { key, trace_id, span_id });
        self.0.with_thread(|thread| thread.current = current);
    }
}
