//! Drives the timelines and the store.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use rustc_hash::FxHashMap;

use crate::{
    catalog::{Family, Label},
    clock::{Clock, Ticks},
    fine::FineBuckets,
    propagation::Propagator,
    snapshot::Snapshot,
    stage::Group,
    state::{self, Shared},
    store::Store,
    sync::Mutex,
    timeline::Pool,
    well_known::{self, Groups},
};

static GLOBAL: OnceLock<Engine> = OnceLock::new();

/// All that is measured in one process, and the way to measure it.
///
/// Cloning is cheap and gives the same engine. A service has one; tests make as many as they like.
///
/// # Memory
///
/// Bounded. On each thread that recorded it, a series takes 160 bytes for each metric of its family; a metric that keeps quantiles takes 560
/// more, and 256 for each power of two in which it had a value, of which there are 34. A family keeps 2,000 series apart.
/// A request takes 2.2 KiB while it runs and some 0.4 KiB for its results, up to 100 KiB if it has a thousand stages at once; its memory serves the next
/// request and is never given back to the system, but shrinks to 9 KiB in between. There are 16,384 requests at most.
#[derive(Clone, Debug)]
pub struct Engine(pub(crate) Arc<Shared>);

// === impl Engine ===

impl Engine {
    /// Makes an engine with the processor's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::new())
    }

    /// Makes an engine that takes the time from `clock`.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self::make(clock, FineBuckets::ForQuantiles)
    }

    /// Makes an engine in which every histogram keeps fine buckets, and so can be exported as a base-2 exponential one: not only those of
    /// which the catalogue promises quantiles.
    ///
    /// # Cost
    ///
    /// A record of any other histogram takes what one of those takes, some nanoseconds more, and as much memory.
    #[must_use]
    pub fn with_fine_histograms(clock: Clock) -> Self {
        Self::make(clock, FineBuckets::Everywhere)
    }

    fn make(clock: Clock, fine: FineBuckets) -> Self {
        let store = Store::new(fine);
        well_known::intern(&store.symbols);
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self(Arc::new(Shared {
            id: IDS.fetch_add(1, Relaxed),
            created: clock.now(),
            clock,
            groups: Groups::new(&store.symbols),
            store,
            pool: Pool::new(),
            spare: Mutex::new(None),
            threads: AtomicU32::new(0),
            propagator: OnceLock::new(),
        }))
    }

    /// Returns the engine that [`set_global`](Self::set_global) made the process' own.
    #[must_use]
    pub fn global() -> Option<&'static Self> {
        GLOBAL.get()
    }

    /// Makes this the process' engine, for code that has no handle. Returns `false` if there is one already, which stays.
    pub fn set_global(&self) -> bool {
        GLOBAL.set(self.clone()).is_ok()
    }

    /// Returns a number that no other engine of the process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns the clock that all measurements are taken with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns when the engine was made: the start of all its cumulative values.
    #[must_use]
    pub fn created(&self) -> Ticks {
        self.0.created
    }

    /// Sets how trace context crosses process borders. The first call counts; later ones return `false`.
    pub fn set_propagator(&self, propagator: Arc<dyn Propagator>) -> bool {
        self.0.propagator.set(propagator).is_ok()
    }

    /// Returns how trace context crosses process borders, if that was set.
    #[must_use]
    pub fn propagator(&self) -> Option<&dyn Propagator> {
        self.0.propagator.get().map(|it| &**it)
    }

    /// Puts a stage into a group; well-known stages are in theirs already, others in [`Group::Other`].
    ///
    /// Affects `frontend.processing` and `stage.percentage` from now on. Does nothing when there are too many stages to tell apart.
    pub fn register_stage(&self, stage: &str, group: Group) {
        self.set_group(self.stage_id(stage), group);
    }

    /// Returns the group of a stage.
    #[must_use]
    pub fn group_of(&self, stage: &str) -> Group {
        self.0.groups.get(self.0.store.symbols.intern(Label::Stage, stage))
    }

    /// Records values of one series, by position in [`Family::metrics`], in the recorded unit: nanoseconds or bytes.
    ///
    /// `labels` are the values of [`Family::labels`], in that order; an empty one is an absent attribute. Values beyond a label's cap
    /// become `other`. A counter grows by its value.
    ///
    /// # Cost
    ///
    /// One hash look-up for each label, and a comparison for the series if it was used lately, else a look-up too; no lock and no allocation
    /// unless this thread meets a value, a series or a new power of two for the first time, or a limit is passed. Within a span that is
    /// recorded as a trace the values are offered as [exemplars](crate::ExemplarReader), too, which takes a lock that is nearly always free.
    pub fn record(&self, family: &'static Family, labels: &[&str], values: &[(usize, u64)]) {
        state::with(&self.0, |local| {
            let key = local.writer.key(&self.0.store, family, labels);
            let current = local.current.map(|it| it.trace_ref(&self.0.clock));
            if local.writer.record(&self.0.store, family, key, values, current)
                && let Some(record) = local.current.and_then(|it| state::record(&self.0, it.key))
            {
                record.identity().mark_exemplar();
            }
        });
    }

    /// Adds to a counter or up-down counter, by position in [`Family::metrics`]. See [`record`](Self::record).
    pub fn add(&self, family: &'static Family, labels: &[&str], position: usize, by: i64) {
        state::with(&self.0, |local| {
            let key = local.writer.key(&self.0.store, family, labels);
            local.writer.cells(&self.0.store, family, key).add(position, by);
        });
    }

    /// Returns all values as they are now, without `stage.percentage`, which a reader
    /// [adds](crate::Percentages::add_to).
    ///
    /// # Cost
    ///
    /// Reads every cell of every thread: some microseconds a series and thread. Writers are not held up.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.store.snapshot(&FxHashMap::default(), &self.0.clock)
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}
