//! Every schedule of a request whose edges come from two threads.

use std::sync::Arc;

use loom::thread;

use super::{ActiveRequest, Recorder};
use crate::{
    Clock, Outcome, Point, Series, Ticks,
    catalog::{self, Family},
    fine::FineBuckets,
    key::NO_SLOT,
    store::{Store, Writer},
    symbol::Symbol,
    well_known::{self, Groups},
};

const OWNER: u32 = 1;
const REMOTE: u32 = 2;
const STAGE: Symbol = well_known::STREAM_PROCESSING;

/// What the threads of a model share.
struct Shared {
    clock: Clock,
    store: Store,
    groups: Groups,
    record: ActiveRequest,
}

impl Shared {
    /// Begins a request at home, with a guard and a span.
    fn new(clock: &Clock) -> Arc<Self> {
        let store = Store::new(FineBuckets::ForQuantiles);
        well_known::intern(&store.symbols);
        let groups = Groups::new(&store.symbols);
        let record = ActiveRequest::new();
        record.start(OWNER, Ticks(0), Symbol::OTHER, true);
        record.hold();
        Arc::new(Self { clock: clock.clone(), store, groups, record })
    }

    /// Runs something as one of the threads.
    fn on<R>(&self, thread: u32, f: impl FnOnce(&ActiveRequest, &mut Recorder<'_>) -> R) -> R {
        let mut writer = Writer::new(&self.store);
        let done = f(
            &self.record,
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

    /// Returns how many values a histogram has, and their sum.
    fn seen(&self, family: &'static Family, position: usize) -> (u64, u64) {
        let snapshot = self.store.snapshot(&Default::default(), &self.clock);
        let of = |it: &Series| match &it.points[position] {
            Point::Histogram(it) => (it.count(), it.recorded_sum()),
            _ => (0, 0),
        };
        let sums = snapshot.of(family).map(of);
        sums.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

/// Checks a model with at most two switches of threads at a place where none is needed: nearly every known mistake of such protocols shows with as many.
fn check(model: impl Fn(&Clock) + Send + Sync + 'static) {
    // Outside: a clock is nothing that threads race for.
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
            .on(OWNER, |record, recorder| record.open(Ticks(10), STAGE, NO_SLOT, recorder))
            .unwrap();
        let ending = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |it, recorder| it.release(Ticks(30), Some(Outcome::Ok), recorder))
            })
        };
        let released = shared.on(OWNER, |record, recorder| {
            record.close(Ticks(20), slot, recorder);
            record.release(Ticks(40), None, recorder)
        });
        let ended = ending.join().unwrap();
        assert!(released.is_last != ended.is_last, "the record is free once");
        assert_eq!(ended.duration, Some(30));
        assert_eq!(shared.seen(&catalog::STAGE, catalog::STAGE_DURATION), (1, 10));
        assert_eq!(shared.seen(&catalog::STAGE, catalog::STAGE_SHARE).1, 30);
        assert_eq!(shared.seen(&catalog::REQUEST, 0), (1, 30));
    });
}

#[test]
fn a_lane_that_is_swept_while_another_thread_adds_loses_no_edge() {
    check(|clock| {
        let shared = Shared::new(clock);
        let parent =
            shared.on(OWNER, |it, recorder| it.open(Ticks(10), STAGE, NO_SLOT, recorder)).unwrap();
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |record, recorder| {
                    let slot = record.open(Ticks(20), STAGE, parent, recorder).unwrap();
                    record.add_busy(3, slot, REMOTE);
                    record.close(Ticks(25), slot, recorder);
                    record.add_busy(4, parent, REMOTE);
                });
            })
        };
        shared.on(OWNER, |record, recorder| {
            // A lane of two edges is full now, so that the close folds it.
            let slot = record.open(Ticks(22), STAGE, parent, recorder).unwrap();
            record.close(Ticks(24), slot, recorder);
            record.add_busy(5, parent, OWNER);
        });
        remote.join().unwrap();
        shared.on(OWNER, |record, recorder| {
            record.close(Ticks(30), parent, recorder);
            assert!(!record.release(Ticks(40), Some(Outcome::Ok), recorder).is_last);
            assert!(record.release(Ticks(40), None, recorder).is_last);
        });
        assert_eq!(shared.seen(&catalog::STAGE, catalog::STAGE_DURATION), (3, 20 + 5 + 2));
        assert_eq!(shared.seen(&catalog::STAGE, catalog::STAGE_BUSY), (3, 3 + 4 + 5));
        assert_eq!(shared.seen(&catalog::STAGE, catalog::STAGE_SHARE).1, 40);
    });
}

#[test]
fn of_two_ends_at_once_one_counts() {
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
        assert_eq!(shared.seen(&catalog::REQUEST, 0).0, 1);
    });
}
