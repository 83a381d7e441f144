//! A request, as its middleware holds it.

use tracing::Span;

use crate::{
    catalog::Label, clock::Ticks, engine::Engine, key::SpanKey, outcome::Outcome, state,
    units::Nanos,
};

/// A request that is going on.
///
/// Whoever holds it when the request ends calls [`end`](Self::end). If nobody does, dropping it ends the request as
/// [`Outcome::Cancelled`], or [`Outcome::Panic`] while the thread unwinds.
#[derive(Debug)]
pub struct Request {
    engine: Engine,
    key: SpanKey,
    started: Ticks,
    ended: Option<Nanos>,
}

/// While it lives, a request waits on this thread for its span.
struct Waiting<'a> {
    engine: &'a Engine,
    /// Who waited before, and does so again afterwards.
    outer: SpanKey,
}

// === impl Engine ===

impl Engine {
    /// Begins a request: its time runs from now, until [`Request::end`] or the drop.
    ///
    /// `endpoint` is a route template or a job's name, never a raw path: it becomes a label.
    ///
    /// # Cost
    ///
    /// Two clock reads a request. No allocation in the steady state, and no lock but the request's own, which is taken at its end and by
    /// stages on other threads.
    #[must_use]
    pub fn start_request(&self, endpoint: &str) -> Request {
        Request::start(self, endpoint)
    }
}

// === impl Request ===

impl Request {
    pub(crate) fn start(engine: &Engine, endpoint: &str) -> Self {
        let started = engine.clock().now();
        let key = state::with(&engine.0, |local| {
            let endpoint = local.writer.symbol(&engine.0.store, Label::Endpoint, endpoint);
            state::start(&engine.0, local, started, endpoint, true)
        });
        Self { engine: engine.clone(), key, started, ended: None }
    }

    /// Runs `make_span`, and makes the first request span that it makes on this thread this request's own.
    ///
    /// A request span is one with the field `stagelight.endpoint`. Stages below it are this request's stages. Without a
    /// `StageLayer` nothing is linked, and all of the request's time is unattributed. Links nothing once the request has ended.
    pub fn link<R>(&self, make_span: impl FnOnce() -> R) -> R {
        // An ended request has given up its hold: its record may be another's by now.
        let _waiting = (!self.is_ended()).then(|| Waiting::begin(&self.engine, self.key));
        make_span()
    }

    /// Does what [`link`](Self::link) does, for a request from elsewhere: its span continues the trace that the headers name.
    ///
    /// `header` returns the value of a header, by its lower-case name.
    pub fn link_from(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        make_span: impl FnOnce() -> Span,
    ) -> Span {
        let Some(propagator) = self.engine.propagator() else { return self.link(make_span) };
        let record = state::record(&self.engine.0, self.key).filter(|_| !self.is_ended());
        if let (Some(record), Some(caller)) = (record, propagator.extract(header)) {
            record.identity().set_remote_context(caller);
        }
        let span = self.link(make_span);
        if !record.is_some_and(|it| it.identity().is_decided()) {
            propagator.adopt(&span, header);
        }
        span
    }

    /// Changes the endpoint, until the end. What was recorded under the old one stays there: stages of a request with more than some
    /// thirty of them may have been.
    pub fn set_endpoint(&self, endpoint: &str) {
        if self.is_ended() {
            return;
        }
        state::with(&self.engine.0, |local| {
            let endpoint = local.writer.symbol(&self.engine.0.store, Label::Endpoint, endpoint);
            if let Some(record) = state::record(&self.engine.0, self.key) {
                record.identity().set_endpoint(endpoint);
            }
        });
    }

    /// Ends the request, and returns how long it took. Later calls do nothing but return the same.
    ///
    /// Shares are settled now: stages that are still open get theirs as it stands, and only their duration goes on.
    pub fn end(&mut self, outcome: Outcome) -> Nanos {
        if let Some(ended) = self.ended {
            return ended;
        }
        let now = self.engine.clock().now();
        let measured = state::end_guarded(&self.engine.0, self.key, now, outcome);
        let duration =
            measured.map_or_else(|| self.engine.clock().between(self.started, now), Nanos::new);
        self.ended = Some(duration);
        duration
    }

    /// Returns whether the request has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Returns how long the request took, or has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> Nanos {
        self.ended.unwrap_or_else(|| self.engine.clock().since(self.started))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let is_panic = std::thread::panicking();
        self.end(if is_panic { Outcome::Panic } else { Outcome::Cancelled });
    }
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn begin(engine: &'a Engine, key: SpanKey) -> Self {
        let outer = state::with(&engine.0, |local| std::mem::replace(&mut local.pending, key));
        Self { engine, outer }
    }
}

impl Drop for Waiting<'_> {
    /// Also when making the span panics. That nobody took the request is no error: there is no layer, or the span is disabled.
    fn drop(&mut self) {
        state::with(&self.engine.0, |local| local.pending = self.outer);
    }
}
