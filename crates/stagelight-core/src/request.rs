//! A request as middleware holds it.

use std::{ops::Range, sync::Arc};

use tracing::Span;

use crate::{
    catalog::{
        Outcome,
        labels::{Endpoint, Stage},
    },
    clock::Ticks,
    engine_state::EngineState,
    key::SpanKey,
    stage,
    units::Nanos,
};

/// A running request, returned by [`Engine::start_request`](crate::Engine::start_request).
///
/// Call [`end`](Self::end) when the request ends. Dropping it before ends the request as
/// [`Outcome::Cancelled`], or as [`Outcome::Panic`] while the thread unwinds.
///
/// ```
/// use std::time::Duration;
///
/// use stagelight_core::{Clock, Engine, Outcome};
///
/// let (clock, manual) = Clock::manual();
/// let engine = Engine::with_clock(clock);
/// let mut request = engine.start_request("/v1/chat/{id}");
/// let span = request.link(|| {
///     tracing::info_span!("request", stagelight.endpoint = "/v1/chat/{id}")
/// });
/// span.in_scope(|| manual.advance(Duration::from_millis(5)));
/// assert_eq!(Duration::from(request.end(Outcome::Ok)), Duration::from_millis(5));
/// ```
#[derive(Debug)]
pub struct Request {
    engine: Arc<EngineState>,
    key: SpanKey,
    started: Ticks,
    duration: Option<Nanos>,
}

/// Makes a request wait for its span on this thread, until the drop.
struct PendingLink<'a> {
    engine: &'a Arc<EngineState>,
    /// The request that waited before, which waits again afterwards.
    outer: SpanKey,
}

// === impl Request ===

impl Request {
    pub(crate) fn start(engine: &Arc<EngineState>, endpoint: &str) -> Self {
        let started = engine.clock.now();
        let key = engine.with_thread(|thread| {
            let endpoint = thread.writer.symbol(&engine.store, Endpoint::new(endpoint));
            engine.start_request(thread, started, endpoint, true)
        });
        Self { engine: Arc::clone(engine), key, started, duration: None }
    }

    pub(crate) fn start_queued(
        engine: &Arc<EngineState>,
        endpoint: &str,
        queued: Range<Ticks>,
    ) -> Self {
        let now = engine.clock.now();
        let started = Ticks(now.0.saturating_sub(queued.end.0.saturating_sub(queued.start.0)));
        let key = engine.with_thread(|thread| {
            let endpoint = thread.writer.symbol(&engine.store, Endpoint::new(endpoint));
            let stage = thread.writer.symbol(&engine.store, Stage::new(stage::QUEUE));
            let key = engine.start_request(thread, started, endpoint, true);
            if let Some(request) = engine.request(key) {
                let recorder = &mut engine.recorder(thread);
                // Never stale: the guard holds the request.
                if let Ok(Some(slot)) = request.open(key, started, stage, recorder) {
                    request.close(key.for_stage(slot), now, recorder).ok();
                }
            }
            key
        });
        Self { engine: Arc::clone(engine), key, started, duration: None }
    }

    /// Runs `make_span` and attaches the first request span it creates on this thread to this
    /// request.
    ///
    /// A request span has the field `stagelight.endpoint`. Stages below it are stages of this
    /// request. Without a `StageLayer` there is nothing to attach, and all of the request's time
    /// is unattributed. Attaches nothing after the request has ended.
    pub fn link<R>(&self, make_span: impl FnOnce() -> R) -> R {
        // An ended request holds nothing: its memory may serve another one.
        let _pending = (!self.is_ended()).then(|| PendingLink::new(&self.engine, self.key));
        make_span()
    }

    /// Like [`link`](Self::link), for a request with headers: its span continues the trace that
    /// they carry, if the engine has a [`Propagator`](crate::Propagator).
    ///
    /// `header` returns the value of a header by its lower-case name.
    pub fn link_from(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        make_span: impl FnOnce() -> Span,
    ) -> Span {
        let Some(propagator) = self.engine.propagator.get() else { return self.link(make_span) };
        let identity = self.engine.request(self.key).filter(|_| !self.is_ended());
        let identity = identity.map(|it| it.identity());
        if let (Some(identity), Some(context)) = (identity, propagator.extract(header)) {
            identity.set_remote_context(context);
        }
        let span = self.link(make_span);
        if !identity.is_some_and(|it| it.is_decided()) {
            propagator.adopt(&span, header);
        }
        span
    }

    /// Changes the endpoint. Does nothing after the request has ended.
    ///
    /// Already recorded values keep the old endpoint: closed stages of a request with more than
    /// about thirty of them.
    pub fn set_endpoint(&self, endpoint: &str) {
        if self.is_ended() {
            return;
        }
        self.engine.with_thread(|thread| {
            let endpoint = thread.writer.symbol(&self.engine.store, Endpoint::new(endpoint));
            self.engine.set_endpoint(self.key, endpoint);
        });
    }

    /// Ends the request and returns its duration. Later calls only return the same duration.
    ///
    /// Fixes the shares of all stages. The duration of a stage still open runs on, and is recorded
    /// when the stage closes.
    pub fn end(&mut self, outcome: Outcome) -> Nanos {
        if let Some(duration) = self.duration {
            return duration;
        }
        let now = self.engine.clock.now();
        let recorded = self.engine.with_thread(|thread| {
            if self.key.is_unmeasured() {
                let unmeasured = &self.engine.unmeasured;
                unmeasured.end(self.key, now, outcome, &mut self.engine.recorder(thread));
                unmeasured.release(self.key);
            }
            self.engine.release(thread, self.key, now, Some(outcome)).and_then(|it| it.duration)
        });
        let duration =
            recorded.map_or_else(|| self.engine.clock.between(self.started, now), Nanos::new);
        self.duration = Some(duration);
        duration
    }

    /// Returns `true` after [`end`](Self::end).
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.duration.is_some()
    }

    /// Returns the duration of the request, or the time since its start if it has not ended.
    #[must_use]
    pub fn elapsed(&self) -> Nanos {
        self.duration.unwrap_or_else(|| self.engine.clock.since(self.started))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let is_panic = std::thread::panicking();
        self.end(if is_panic { Outcome::Panic } else { Outcome::Cancelled });
    }
}

// === impl PendingLink ===

impl<'a> PendingLink<'a> {
    fn new(engine: &'a Arc<EngineState>, key: SpanKey) -> Self {
        let outer = engine.with_thread(|thread| std::mem::replace(&mut thread.pending, key));
        Self { engine, outer }
    }
}

impl Drop for PendingLink<'_> {
    /// Also runs when creating the span panics. A request that no span took is no error: there may
    /// be no layer, or the span is disabled.
    fn drop(&mut self) {
        self.engine.with_thread(|thread| thread.pending = self.outer);
    }
}
