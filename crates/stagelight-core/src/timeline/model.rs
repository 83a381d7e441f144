//! All schedules of a request with edges from two threads.

use std::sync::Arc;

use loom::thread;

use super::{ActiveRequest, Recorder};
use crate::{
    Clock, Outcome, Ticks,
    catalog::{self, MetricId, TypedFamily},
    fine::FineBuckets,
    key::NO_SLOT,
    store::{Store, Writer},
    symbol::Symbol,
    well_known::{self, Groups},
};

const OWNER: u32 = 1;
const REMOTE: u32 = 2;
const STAGE: Symbol = well_known::STREAM_PROCESSING;

/// State that the threads of a model share.
struct Shared {
    clock: Clock,
    store: Store,
    groups: Groups,
    request: ActiveRequest,
}

impl Shared {
    /// Starts a request on the owner thread, with two holders: a guard and a span.
    fn new(clock: &Clock) -> Arc<Self> {
        let store = Store::new(FineBuckets::ForQuantiles);
        let groups = Groups::new();
        let request = ActiveRequest::new();
        request.start(OWNER, Ticks(0), Symbol::OTHER, true);
        request.hold();
        Arc::new(Self { clock: clock.clone(), store, groups, request })
    }

    /// Runs `f` as one of the threads.
    fn on<R>(&self, thread: u32, f: impl FnOnce(&ActiveRequest, &mut Recorder<'_>) -> R) -> R {
        let mut writer = Writer::new(&self.store);
        let done = f(
            &self.request,
            &mut Recorder {
                clock: &self.clock,
                store: &self.store,
                groups: &self.groups,
                writer: &mut writer,
                thread,
            },
        );
        writer.retire(&self.store);
        done
    }

    /// Returns the number of values of a histogram, and their sum.
    fn seen<F: TypedFamily>(&self, metric: MetricId<F>) -> (u64, u64) {
        let snapshot = self.store.snapshot(&Default::default(), &self.clock);
        let series = snapshot.of(metric.family()).filter_map(|it| it.histogram(metric));
        let sums = series.map(|it| (it.count(), it.recorded_sum()));
        sums.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

/// Checks a model with at most two preemptions, which are enough to show nearly all known bugs of
/// such protocols.
fn check(model: impl Fn(&Clock) + Send + Sync + 'static) {
    // Outside of the model: threads do not race for a clock.
    let (clock, _manual) = Clock::manual();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.max_branches = 100_000;
    builder.check(move || model(&clock));
}

#[test]
fn a_stage_that_closes_while_another_thread_ends_the_request_is_counted_once() {
    check(|clock| {
        let shared = Shared::new(clock);
        let slot = shared
            .on(OWNER, |request, recorder| request.open(Ticks(10), STAGE, NO_SLOT, recorder))
            .unwrap();
        let ending = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |it, recorder| it.release(Ticks(30), Some(Outcome::Ok), recorder))
            })
        };
        let released = shared.on(OWNER, |request, recorder| {
            request.close(Ticks(20), slot, recorder);
            request.release(Ticks(40), None, recorder)
        });
        let ended = ending.join().unwrap();
        assert!(released.is_last != ended.is_last, "the request is freed once");
        assert_eq!(ended.duration, Some(30));
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_DURATION), (1, 10));
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_SHARE).1, 30);
        assert_eq!(shared.seen(catalog::REQUEST_DURATION), (1, 30));
    });
}

#[test]
fn a_flush_while_a_remote_thread_adds_edges_loses_none() {
    check(|clock| {
        let shared = Shared::new(clock);
        let parent =
            shared.on(OWNER, |it, recorder| it.open(Ticks(10), STAGE, NO_SLOT, recorder)).unwrap();
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |request, recorder| {
                    let slot = request.open(Ticks(20), STAGE, parent, recorder).unwrap();
                    request.add_busy(3, slot, REMOTE);
                    request.close(Ticks(25), slot, recorder);
                    request.add_busy(4, parent, REMOTE);
                });
            })
        };
        shared.on(OWNER, |request, recorder| {
            // The buffer of two edges is full now, so that the close flushes it.
            let slot = request.open(Ticks(22), STAGE, parent, recorder).unwrap();
            request.close(Ticks(24), slot, recorder);
            request.add_busy(5, parent, OWNER);
        });
        remote.join().unwrap();
        shared.on(OWNER, |request, recorder| {
            request.close(Ticks(30), parent, recorder);
            assert!(!request.release(Ticks(40), Some(Outcome::Ok), recorder).is_last);
            assert!(request.release(Ticks(40), None, recorder).is_last);
        });
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_DURATION), (3, 20 + 5 + 2));
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_BUSY), (3, 3 + 4 + 5));
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_SHARE).1, 40);
    });
}

#[test]
fn one_of_two_concurrent_ends_counts() {
    check(|clock| {
        let shared = Shared::new(clock);
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |it, recorder| it.release(Ticks(30), Some(Outcome::Ok), recorder))
            })
        };
        let here = shared
            .on(OWNER, |it, recorder| it.release(Ticks(40), Some(Outcome::Cancelled), recorder));
        let there = other.join().unwrap();
        assert!(here.duration.is_some() != there.duration.is_some());
        assert!(here.is_last != there.is_last);
        assert_eq!(shared.seen(catalog::REQUEST_DURATION).0, 1);
    });
}
