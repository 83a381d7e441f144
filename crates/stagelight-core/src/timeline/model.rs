//! All schedules of a request with edges from two threads.

use std::sync::Arc;

use loom::thread;

use super::{ActiveRequest, EndedRequest, EndedRequests, Pool, Recorder, RequestIdentity};
use crate::{
    Clock, Outcome, Ticks,
    catalog::{self, MetricId, TypedFamily},
    fine::FineBuckets,
    key::SpanKey,
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
    // Boxed, because loom's stacks are small.
    store: Box<Store>,
    groups: Box<Groups>,
    request: Box<ActiveRequest>,
    ended: EndedRequests,
    pool: Pool,
}

const ROOT: SpanKey = SpanKey::for_request(0, 0);

impl Shared {
    /// Starts a request on the owner thread, with two holders: a guard and a span.
    fn new(clock: &Clock) -> Arc<Self> {
        let store = new_store();
        let groups = Box::new(Groups::new());
        let request = new_request();
        request.start(OWNER, Ticks(0), Symbol::OTHER, true);
        request.hold();
        let (ended, pool) = (EndedRequests::default(), Pool::new(1));
        // The numbers of both threads.
        drop((pool.add_cache(), pool.add_cache()));
        Arc::new(Self { clock: clock.clone(), store, groups, request, ended, pool })
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

fn new_store() -> Box<Store> {
    Box::new(Store::new(FineBuckets::ForQuantiles))
}

fn new_request() -> Box<ActiveRequest> {
    Box::new(ActiveRequest::new())
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
            .on(OWNER, |request, recorder| request.open(ROOT, Ticks(10), STAGE, recorder).unwrap())
            .unwrap();
        let ending = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |it, recorder| {
                    it.release(ROOT, Ticks(30), Some(Outcome::Ok), recorder).unwrap()
                })
            })
        };
        let released = shared.on(OWNER, |request, recorder| {
            request.close(ROOT.for_stage(slot), Ticks(20), recorder).unwrap();
            request.release(ROOT, Ticks(40), None, recorder).unwrap()
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
        let parent = shared
            .on(OWNER, |it, recorder| it.open(ROOT, Ticks(10), STAGE, recorder).unwrap())
            .unwrap();
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |request, recorder| {
                    let slot = request
                        .open(ROOT.for_stage(parent), Ticks(20), STAGE, recorder)
                        .unwrap()
                        .unwrap();
                    request.add_busy(ROOT.for_stage(slot), 3, REMOTE).unwrap();
                    request.close(ROOT.for_stage(slot), Ticks(25), recorder).unwrap();
                    request.add_busy(ROOT.for_stage(parent), 4, REMOTE).unwrap();
                });
            })
        };
        shared.on(OWNER, |request, recorder| {
            // The buffer of two edges is full now, so that the close flushes it.
            let slot =
                request.open(ROOT.for_stage(parent), Ticks(22), STAGE, recorder).unwrap().unwrap();
            request.close(ROOT.for_stage(slot), Ticks(24), recorder).unwrap();
            request.add_busy(ROOT.for_stage(parent), 5, OWNER).unwrap();
        });
        remote.join().unwrap();
        shared.on(OWNER, |request, recorder| {
            request.close(ROOT.for_stage(parent), Ticks(30), recorder).unwrap();
            assert!(
                !request.release(ROOT, Ticks(40), Some(Outcome::Ok), recorder).unwrap().is_last
            );
            assert!(request.release(ROOT, Ticks(40), None, recorder).unwrap().is_last);
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
                shared.on(REMOTE, |it, recorder| {
                    it.release(ROOT, Ticks(30), Some(Outcome::Ok), recorder).unwrap()
                })
            })
        };
        let here = shared.on(OWNER, |it, recorder| {
            it.release(ROOT, Ticks(40), Some(Outcome::Cancelled), recorder).unwrap()
        });
        let there = other.join().unwrap();
        assert!(here.duration.is_some() != there.duration.is_some());
        assert!(here.is_last != there.is_last);
        assert_eq!(shared.seen(catalog::REQUEST_DURATION).0, 1);
    });
}

#[test]
fn a_span_of_an_ended_request_records_nothing_for_the_next_one() {
    check(|clock| {
        let shared = Shared::new(clock);
        let late = shared.on(OWNER, |it, recorder| {
            let slot = it.open(ROOT, Ticks(10), STAGE, recorder).unwrap().unwrap();
            it.release(ROOT, Ticks(20), Some(Outcome::Ok), recorder).unwrap();
            ROOT.for_stage(slot)
        });
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.on(REMOTE, |it, recorder| {
                    if it.add_busy(late, 7, REMOTE).is_err() {
                        shared.ended.with_stage(late, |it| it.add_busy_remotely(7));
                    }
                    if it.close(late, Ticks(50), recorder).is_err() {
                        shared.ended.with(late, |it| it.close(Ticks(50), late.slot(), recorder));
                    }
                    if it.release(ROOT, Ticks(60), None, recorder).is_err() {
                        assert!(shared.ended.release(ROOT).is_some());
                    }
                });
            })
        };
        shared.on(OWNER, |it, recorder| {
            if !it.detach(0, &shared.pool.threads(), &shared.ended, recorder) {
                return;
            }
            it.start(OWNER, Ticks(30), Symbol::OTHER, false);
            let next = SpanKey::for_request(0, 1);
            let slot = it.open(next, Ticks(31), STAGE, recorder).unwrap().unwrap();
            it.add_busy(next.for_stage(slot), 1, OWNER).unwrap();
            it.close(next.for_stage(slot), Ticks(33), recorder).unwrap();
            assert!(it.release(next, Ticks(35), Some(Outcome::Ok), recorder).unwrap().is_last);
        });
        remote.join().unwrap();
        let is_reused = shared.seen(catalog::REQUEST_DURATION).0 == 2;
        let expected = if is_reused { [(2, 40 + 2), (2, 7 + 1)] } else { [(1, 40), (1, 7)] };
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_DURATION), expected[0]);
        assert_eq!(shared.seen(catalog::REQUEST_STAGE_BUSY), expected[1]);
        assert!(shared.ended.release(ROOT).is_none());
    });
}

#[test]
fn the_ids_of_an_ended_request_are_kept_while_its_memory_is_reused() {
    check(|clock| {
        let shared = Shared::new(clock);
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if shared.request.set_recorded(ROOT, (1, 2)).is_err() {
                    let set = |it: &mut EndedRequest| it.identity().set_recorded(1, 2);
                    shared.ended.with(ROOT, set).expect("the span is open");
                }
            })
        };
        let is_reused = shared.on(OWNER, |it, recorder| {
            it.release(ROOT, Ticks(10), Some(Outcome::Ok), recorder).unwrap();
            let is_detached = it.detach(0, &shared.pool.threads(), &shared.ended, recorder);
            if is_detached {
                it.start(OWNER, Ticks(30), Symbol::OTHER, false);
                it.set_recorded(SpanKey::for_request(0, 1), (3, 4)).unwrap();
            }
            is_detached
        });
        remote.join().unwrap();
        let kept = shared.ended.with(ROOT, |it| it.identity().is_recorded());
        assert_eq!(kept, is_reused.then_some(true));
    });
}

#[test]
fn an_exemplar_of_an_ended_request_marks_no_other_request() {
    check(|clock| {
        let shared = Shared::new(clock);
        let remote = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.request.mark_exemplar(ROOT).is_ok())
        };
        let (first, next) = shared.on(OWNER, |it, recorder| {
            it.release(ROOT, Ticks(10), Some(Outcome::Ok), recorder).unwrap();
            let first = it.release(ROOT, Ticks(20), None, recorder).unwrap();
            it.start(OWNER, Ticks(30), Symbol::OTHER, false);
            let next = SpanKey::for_request(0, 1);
            (first, it.release(next, Ticks(40), Some(Outcome::Ok), recorder).unwrap())
        });
        assert_eq!(first.is_exemplar, remote.join().unwrap());
        assert!(!next.is_exemplar);
    });
}

#[test]
fn a_stale_key_reads_nothing_of_the_next_request_on_another_thread() {
    check(|clock| {
        let shared = Shared::new(clock);
        let cache = shared.pool.add_cache();
        let index = shared.pool.refill(&cache).expect("the request is free");
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.request.read(ROOT, RequestIdentity::endpoint).ok())
        };
        let next = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let cache = shared.pool.add_cache();
                if shared.pool.refill(&cache).is_some() {
                    shared.request.start(REMOTE, Ticks(30), STAGE, false);
                }
            })
        };
        shared.on(OWNER, |it, recorder| {
            it.release(ROOT, Ticks(10), Some(Outcome::Ok), recorder).unwrap();
            assert!(it.release(ROOT, Ticks(20), None, recorder).unwrap().is_last);
        });
        shared.pool.put_back(&cache, index);
        assert!(reader.join().unwrap().is_none_or(|it| it == Symbol::OTHER));
        next.join().unwrap();
    });
}
