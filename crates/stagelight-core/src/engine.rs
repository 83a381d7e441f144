//! The engine, as a service uses it.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use rustc_hash::FxHashMap;

use crate::{
    catalog::{Measurement, MetricId, TypedFamily, labels::Stage},
    clock::{Clock, Ticks},
    engine_state::EngineState,
    fine::FineBuckets,
    layer_api::SpanEngine,
    propagation::Propagator,
    request::Request,
    snapshot::Snapshot,
    stage::Group,
    timeline::MOST_OPEN,
};

static GLOBAL: OnceLock<Engine> = OnceLock::new();

/// Measures requests and stages, and stores the results.
///
/// Clones are cheap and refer to the same engine. A service has one; tests create as many as they
/// need.
///
/// ```
/// use stagelight_core::{Engine, Group, Outcome, catalog};
///
/// let engine = Engine::new();
/// engine.register_stage("rerank", Group::BackendResponse);
///
/// let mut request = engine.start_request("/v1/chat");
/// request.end(Outcome::Ok);
/// assert_eq!(engine.snapshot().of(&catalog::REQUEST).count(), 1);
/// ```
///
/// # Memory
///
/// Bounded. For each thread that records it, a series takes 160 bytes per metric of its family. A
/// metric with quantiles takes 560 bytes more, and 256 for each of 34 octaves (powers of two) in
/// which it has a value. A family has at most 2,000 series.
///
/// A request takes 2.1 KiB while it runs and about 0.4 KiB for its results, or up to 100 KiB with
/// a thousand open stages. This memory is reused for later requests and never returned to the
/// system, but shrinks to 9 KiB in between. At most 16,384 open requests are measured, or
/// [`max_requests`](EngineBuilder::max_requests).
///
/// An ended request does not count as open. While a span of it is open, as that of a background
/// task or a WebSocket session, it takes about 200 bytes, and 64 per open stage. Its 2.1 KiB are
/// freed when the thread that started it needs memory for further requests; until then, up to
/// eight requests per open one are kept.
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<EngineState>);

/// Settings of an [`Engine`].
///
/// ```
/// use stagelight_core::Engine;
///
/// let engine = Engine::builder().max_requests(100_000).build();
/// # let _ = engine;
/// ```
#[derive(Debug)]
#[must_use]
pub struct EngineBuilder {
    clock: Clock,
    fine: FineBuckets,
    max_requests: u32,
}

// === impl Engine ===

impl Engine {
    /// Creates an engine with the processor's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::new())
    }

    /// Creates an engine with the given clock.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self::builder().clock(clock).build()
    }

    /// Creates an engine with fine buckets in every histogram, so that each can be exported as a
    /// base-2 exponential histogram. Otherwise, only metrics with quantiles have them.
    ///
    /// # Cost
    ///
    /// Recording any other histogram costs as much time and memory as one with quantiles: some
    /// nanoseconds more.
    #[must_use]
    pub fn with_fine_histograms(clock: Clock) -> Self {
        Self::builder().clock(clock).fine_histograms().build()
    }

    /// Returns the default settings, to change them.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            clock: Clock::new(),
            fine: FineBuckets::ForQuantiles,
            max_requests: EngineBuilder::DEFAULT_MAX_REQUESTS,
        }
    }

    /// Returns the engine that [`set_global`](Self::set_global) made the process-wide one.
    #[must_use]
    pub fn global() -> Option<&'static Self> {
        GLOBAL.get()
    }

    /// Makes this the process-wide engine, for code without a handle. Returns `false`, and changes
    /// nothing, if there already is one.
    pub fn set_global(&self) -> bool {
        GLOBAL.set(self.clone()).is_ok()
    }

    /// Starts a request. Its duration runs from now until [`Request::end`] or the drop.
    ///
    /// `endpoint` is a route template or a job's name, never a raw path: it becomes a label. With
    /// [`max_requests`](EngineBuilder::max_requests) open requests, further ones are counted in
    /// [`catalog::DROPPED`](crate::catalog::DROPPED). Only their durations and outcomes are
    /// recorded, not their stages.
    ///
    /// # Cost
    ///
    /// Two clock reads per request. Allocation-free in steady state. The only locks are that of the
    /// thread's free requests and the request's own, which its end and stages on other threads
    /// take. Both are mostly uncontended.
    #[must_use]
    pub fn start_request(&self, endpoint: &str) -> Request {
        Request::start(&self.0, endpoint)
    }

    /// Starts a request that waited in a queue. The wait is the stage `queue` at its start.
    ///
    /// The request begins before now by the length of `queued`: the time between the end of the
    /// wait and this call is not part of it.
    #[must_use]
    pub fn start_queued_request(&self, endpoint: &str, queued: Range<Ticks>) -> Request {
        Request::start_queued(&self.0, endpoint, queued)
    }

    /// Assigns a stage to a group. Well-known stages have a group already; other stages are in
    /// [`Group::Other`].
    ///
    /// Affects `frontend.processing` and `stage.percentage` from now on. Does nothing once the
    /// limit of stage names ([`Label::cap`](crate::catalog::Label::cap)) is exceeded.
    pub fn register_stage(&self, stage: &str, group: Group) {
        let spans = self.spans();
        spans.set_group(spans.stage_id(stage), group);
    }

    /// Returns the group of a stage.
    #[must_use]
    pub fn group_of(&self, stage: &str) -> Group {
        self.0.groups.get(self.0.store.symbols.intern(Stage::LABEL, stage))
    }

    /// Records values of one series, in nanoseconds or bytes. A counter grows by its value.
    ///
    /// `labels` are those of the family, in its order; see [`catalog`](crate::catalog). A value
    /// beyond a label's cap becomes `other`.
    ///
    /// # Cost
    ///
    /// A hash look-up per label that is no enum, and a comparison or a look-up for the series.
    /// Lock- and allocation-free in steady state. The first use on a thread of a label value, a
    /// series or a histogram octave locks and allocates; so does exceeding a limit. Inside a
    /// recorded span, values are also candidates for [exemplars](crate::ExemplarReader), which
    /// takes a mostly uncontended lock.
    pub fn record<F: TypedFamily>(
        &self,
        _family: &F,
        labels: F::Labels<'_>,
        values: &[Measurement<F>],
    ) {
        let state = &self.0;
        state.with_thread(|thread| {
            let trace = thread.current.map(|it| it.trace_ref(&state.clock));
            if thread.writer.record(&state.store, &labels, values, trace)
                && let Some(current) = thread.current
            {
                state.mark_exemplar(current.key);
            }
        });
    }

    /// Adds to a counter or up-down counter.
    ///
    /// Labels and cost are those of [`record`](Self::record).
    pub fn add<F: TypedFamily>(&self, metric: MetricId<F>, labels: F::Labels<'_>, by: i64) {
        self.0.with_thread(|thread| thread.writer.add(&self.0.store, &labels, metric, by));
    }

    /// Returns all current values, except `stage.percentage`, which a reader
    /// [adds](crate::Percentages::add_to).
    ///
    /// # Cost
    ///
    /// Reads every cell of every thread: some microseconds per series and thread. Does not block
    /// recording threads.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.store.snapshot(&FxHashMap::default(), &self.0.clock)
    }

    /// Returns the clock of all measurements.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns when the engine was created, which is the start of all cumulative values.
    #[must_use]
    pub fn created(&self) -> Ticks {
        self.0.created
    }

    /// Sets the propagator of trace context. Returns `false`, and changes nothing, after the first
    /// call.
    pub fn set_propagator(&self, propagator: Arc<dyn Propagator>) -> bool {
        self.0.propagator.set(propagator).is_ok()
    }

    /// Returns the propagator of trace context, if one was set.
    #[must_use]
    pub fn propagator(&self) -> Option<&dyn Propagator> {
        self.0.propagator.get().map(|it| &**it)
    }

    /// Returns the interface for layers; see [`layer_api`](crate::layer_api).
    #[inline]
    #[must_use]
    pub fn spans(&self) -> SpanEngine<'_> {
        SpanEngine(&self.0)
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

// === impl EngineBuilder ===

impl EngineBuilder {
    /// The default of [`max_requests`](Self::max_requests): 34 MiB of requests.
    pub const DEFAULT_MAX_REQUESTS: u32 = 16_384;
    /// The highest value of [`max_requests`](Self::max_requests).
    pub const MAX_REQUESTS_CEILING: u32 = MOST_OPEN;

    /// Sets the clock. Defaults to the processor's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps fine buckets in every histogram; see [`Engine::with_fine_histograms`].
    pub fn fine_histograms(mut self) -> Self {
        self.fine = FineBuckets::Everywhere;
        self
    }

    /// Sets the number of open requests up to which all are measured, whichever threads they begin
    /// and end on. Zero counts as one. Defaults to 16,384; at most 1,048,576.
    ///
    /// Further requests are counted in [`catalog::DROPPED`](crate::catalog::DROPPED), with their
    /// durations and outcomes in [`catalog::REQUEST`](crate::catalog::REQUEST), but without stages.
    ///
    /// # Memory
    ///
    /// 2.1 KiB per request, allocated as needed, 256 requests at a time: 34 MiB with the default.
    pub fn max_requests(mut self, requests: u32) -> Self {
        self.max_requests = requests;
        self
    }

    /// Creates the engine.
    #[must_use]
    pub fn build(self) -> Engine {
        let Self { clock, fine, max_requests } = self;
        Engine(Arc::new(EngineState::new(clock, fine, max_requests)))
    }
}
