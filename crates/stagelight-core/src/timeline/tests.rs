//! Requests driven through the engine with a manual clock.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::shares;
use crate::{
    Clock, Engine, ManualClock, Outcome, Request, Series, Snapshot, Ticks,
    catalog::{self, MetricId, StageFamily, TypedFamily},
    layer_api::{SpanKey, StageAttribute},
    stage::UNATTRIBUTED,
    store::Writer,
    symbol::Symbol,
    timeline::{ActiveRequest, Recorder},
};

/// An engine, its clock, and a request.
struct Fixture {
    engine: Engine,
    clock: ManualClock,
    request: Request,
    root: SpanKey,
}

impl Fixture {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        let engine = Engine::with_clock(clock);
        let request = engine.start_request("/test");
        let root = request.link(|| engine.spans().open_request("/test"));
        Self { engine, clock: manual, request, root }
    }

    fn open(&self, parent: SpanKey, stage: &str) -> SpanKey {
        let spans = self.engine.spans();
        spans.open_stage(parent, spans.stage_id(stage))
    }

    fn close(&self, key: SpanKey) {
        self.engine.spans().close(key);
    }

    fn advance(&self, nanos: u64) {
        self.clock.advance(Duration::from_nanos(nanos));
    }

    /// Frees the memory of ended requests. Returns their number.
    fn detach(&self) -> usize {
        let engine = &self.engine.0;
        engine.with_thread(|it| engine.detach_ended(it))
    }

    fn end(&mut self) -> u64 {
        let duration = self.request.end(Outcome::Ok).get();
        self.engine.spans().close(self.root);
        duration
    }

    /// Sums of one of the stage family's histograms, by stage.
    fn sums(&self, metric: MetricId<StageFamily>) -> BTreeMap<String, u64> {
        let snapshot = self.engine.snapshot();
        let sum = |it: &Series| {
            let histogram = it.histogram(metric)?;
            (0 < histogram.count()).then(|| {
                (it.value(catalog::labels::Stage::LABEL).to_owned(), histogram.recorded_sum())
            })
        };
        snapshot.of(&catalog::STAGE).filter_map(sum).collect()
    }

    #[track_caller]
    fn check(&self, metric: MetricId<StageFamily>, expected: &[(&str, u64)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|&(stage, sum)| (stage.to_owned(), sum)).collect();
        assert_eq!(self.sums(metric), expected);
    }
}

#[test]
fn a_nested_stage_takes_its_share_from_its_parent() {
    let mut fixture = Fixture::new();
    fixture.advance(10);
    let outer = fixture.open(fixture.root, "outer");
    fixture.advance(20);
    let inner = fixture.open(outer, "inner");
    fixture.advance(40);
    fixture.close(inner);
    fixture.advance(30);
    fixture.close(outer);
    fixture.advance(5);
    assert_eq!(fixture.end(), 105);
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("inner", 40), ("outer", 90)]);
    fixture
        .check(catalog::REQUEST_STAGE_SHARE, &[("inner", 40), ("outer", 50), (UNATTRIBUTED, 15)]);
}

#[test]
fn stages_side_by_side_split_the_time_evenly() {
    let mut fixture = Fixture::new();
    let left = fixture.open(fixture.root, "left");
    fixture.advance(10);
    let right = fixture.open(fixture.root, "right");
    fixture.advance(30);
    fixture.close(left);
    fixture.advance(7);
    fixture.close(right);
    assert_eq!(fixture.end(), 47);
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("left", 25), ("right", 22), (UNATTRIBUTED, 0)]);
}

#[test]
fn a_stage_that_outlives_its_request_keeps_its_duration_and_loses_nothing_else() {
    let mut fixture = Fixture::new();
    let late = fixture.open(fixture.root, "late");
    fixture.advance(40);
    let duration = fixture.request.end(Outcome::Ok).get();
    fixture.advance(60);
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("late", 40), (UNATTRIBUTED, 0)]);
    fixture.close(late);
    fixture.close(fixture.root);
    assert_eq!(duration, 40);
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("late", 100)]);
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("late", 40), (UNATTRIBUTED, 0)]);
}

#[test]
fn a_late_duration_is_recorded_while_the_requests_span_is_open() {
    for is_remote in [false, true] {
        let mut fixture = Fixture::new();
        let late = fixture.open(fixture.root, "late");
        fixture.request.end(Outcome::Ok);
        fixture.advance(60);
        on(is_remote, || fixture.close(late));
        fixture.check(catalog::REQUEST_STAGE_DURATION, &[("late", 60)]);
        fixture.close(fixture.root);
        fixture.check(catalog::REQUEST_STAGE_DURATION, &[("late", 60)]);
    }
}

#[test]
fn a_request_of_a_thousand_stages_is_flushed_while_it_runs() {
    let mut fixture = Fixture::new();
    let outer = fixture.open(fixture.root, "outer");
    for _ in 0..1000 {
        fixture.advance(3);
        let inner = fixture.open(outer, "inner");
        fixture.advance(5);
        fixture.close(inner);
    }
    fixture.close(outer);
    assert_eq!(fixture.end(), 8000);
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("inner", 5000), ("outer", 8000)]);
    fixture.check(
        catalog::REQUEST_STAGE_SHARE,
        &[("inner", 5000), ("outer", 3000), (UNATTRIBUTED, 0)],
    );
}

#[test]
fn a_fan_out_wider_than_the_edge_buffer_is_measured_completely() {
    let mut fixture = Fixture::new();
    let stages: Vec<_> = (0..500).map(|_| fixture.open(fixture.root, "fan")).collect();
    fixture.advance(1000);
    for stage in stages {
        fixture.close(stage);
    }
    assert_eq!(fixture.end(), 1000);
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("fan", 500 * 1000)]);
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("fan", 1000), (UNATTRIBUTED, 0)]);
}

#[test]
fn stages_beyond_the_limit_are_counted() {
    let mut fixture = Fixture::new();
    let stages: Vec<_> = (0..1030).map(|_| fixture.open(fixture.root, "fan")).collect();
    assert_eq!(stages.iter().filter(|it| !it.is_stage()).count(), 6);
    for stage in stages {
        fixture.close(stage);
    }
    fixture.end();
    let snapshot = fixture.engine.snapshot();
    let dropped: Vec<_> = snapshot.of(&catalog::DROPPED).collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].value(catalog::labels::Reason::LABEL), "too_many_stages");
    assert!(matches!(dropped[0].points[0], crate::Point::Counter(6)));
}

#[test]
fn a_stage_outside_any_request_is_counted_and_not_measured() {
    let fixture = Fixture::new();
    let stage = fixture.open(SpanKey::NONE, "lost");
    fixture.close(stage);
    assert!(stage.is_none());
    let snapshot = fixture.engine.snapshot();
    let dropped: Vec<_> = snapshot.of(&catalog::DROPPED).collect();
    assert_eq!(dropped[0].value(catalog::labels::Reason::LABEL), "outside_request");
}

#[test]
fn busy_time_adds_up_over_threads() {
    let mut fixture = Fixture::new();
    let stage = fixture.open(fixture.root, "polled");
    let entered = fixture.engine.clock().now();
    fixture.advance(7);
    fixture.engine.spans().add_busy(stage, entered, fixture.engine.clock().now());
    let engine = fixture.engine.clone();
    let clock = fixture.clock.clone();
    std::thread::spawn(move || {
        let entered = engine.clock().now();
        clock.advance(Duration::from_nanos(11));
        engine.spans().add_busy(stage, entered, engine.clock().now());
    })
    .join()
    .unwrap();
    fixture.advance(100);
    fixture.close(stage);
    fixture.end();
    fixture.check(catalog::REQUEST_STAGE_BUSY, &[("polled", 18)]);
}

#[test]
fn backend_stages_record_provider_and_model_when_they_close() {
    let mut fixture = Fixture::new();
    let fetch = fixture.open(fixture.root, "backend_fetch");
    fixture.engine.spans().set_attribute(fetch, StageAttribute::Provider, "openai");
    fixture.advance(100);
    fixture.engine.spans().set_attribute(fetch, StageAttribute::Model, "gpt");
    fixture.engine.spans().set_attribute(fetch, StageAttribute::ErrorType, "503");
    fixture.close(fetch);
    let stream = fixture.open(fixture.root, "stream_processing");
    fixture.advance(50);
    fixture.close(stream);
    fixture.end();
    let snapshot = fixture.engine.snapshot();
    let backends: Vec<_> = snapshot.of(&catalog::BACKEND).collect();
    let values = |it: &Series| it.values.iter().map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(values(backends[0]), ["openai", "gpt", "/test"]);
    assert_eq!(backends[0].histogram(catalog::BACKEND_TTFB).unwrap().recorded_sum(), 100);
    assert_eq!(values(backends[1]), ["unknown", "unknown", "/test"]);
    assert_eq!(backends[1].histogram(catalog::STREAMING_DURATION).unwrap().recorded_sum(), 50);
    let errors: Vec<_> = snapshot.of(&catalog::STAGE_ERRORS).collect();
    assert_eq!(values(errors[0]), ["backend_fetch", "/test", "503"]);
}

#[test]
fn a_fetch_without_a_response_head_has_no_ttfb() {
    for (error, has_ttfb) in [("", true), ("404", true), ("503", true)].into_iter().chain(
        ["timeout", "connect", "cancelled", "UNAVAILABLE", "5030", "E42"].map(|it| (it, false)),
    ) {
        let mut fixture = Fixture::new();
        let fetch = fixture.open(fixture.root, "backend_fetch");
        if !error.is_empty() {
            fixture.engine.spans().set_attribute(fetch, StageAttribute::ErrorType, error);
        }
        fixture.advance(100);
        fixture.close(fetch);
        fixture.end();
        let snapshot = fixture.engine.snapshot();
        assert_eq!(snapshot.of(&catalog::BACKEND).count(), usize::from(has_ttfb), "{error}");
        let stage = snapshot.of(&catalog::STAGE).find(|it| &*it.values[0] == "backend_fetch");
        let duration = stage.unwrap().histogram(catalog::REQUEST_STAGE_DURATION).unwrap();
        assert_eq!(duration.recorded_sum(), 100, "the attempt keeps its time");
        let errors = snapshot.of(&catalog::STAGE_ERRORS).count();
        assert_eq!(errors, usize::from(!error.is_empty()), "{error}");
    }
}

#[test]
fn frontend_processing_is_one_value_per_request() {
    let mut fixture = Fixture::new();
    for stage in ["request_parsing", "auth_validation", "backend_fetch", "request_preparation"] {
        let stage = fixture.open(fixture.root, stage);
        fixture.advance(100);
        fixture.close(stage);
    }
    fixture.end();
    // Reuses the memory, and has no frontend stage.
    drop(fixture.engine.start_request("/test"));
    let snapshot = fixture.engine.snapshot();
    let frontend = snapshot
        .of(&catalog::FRONTEND)
        .next()
        .unwrap()
        .histogram(catalog::FRONTEND_PROCESSING)
        .unwrap();
    assert_eq!((frontend.count(), frontend.recorded_sum()), (1, 300));
}

#[test]
fn a_dropped_request_is_cancelled_and_a_stale_key_is_ignored() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let request = engine.start_request("/gone");
    let root = request.link(|| engine.spans().open_request("/gone"));
    manual.advance(Duration::from_nanos(9));
    drop(request);
    engine.spans().close(root);
    let stage = engine.spans().open_stage(root, engine.spans().stage_id("late"));
    assert!(!stage.is_stage());
    let snapshot = engine.snapshot();
    let request = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(request.value(Outcome::LABEL), "cancelled");
    assert_eq!(request.histogram(catalog::REQUEST_DURATION).unwrap().recorded_sum(), 9);
}

#[test]
fn a_request_without_a_guard_ends_with_its_span_or_its_outcome() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    for outcome in [None, Some(Outcome::Error)] {
        let root = engine.spans().open_request("job");
        manual.advance(Duration::from_nanos(5));
        if let Some(outcome) = outcome {
            engine.spans().end_request(root, outcome);
        }
        manual.advance(Duration::from_nanos(100));
        engine.spans().close(root);
    }
    let snapshot = engine.snapshot();
    let sums: Vec<_> = snapshot
        .of(&catalog::REQUEST)
        .map(|it| {
            (
                it.value(Outcome::LABEL),
                it.histogram(catalog::REQUEST_DURATION).unwrap().recorded_sum(),
            )
        })
        .collect();
    assert_eq!(sums, [("error", 5), ("ok", 105)]);
}

/// Drives a request span and a stage on a thread of its own, and returns their keys.
fn open_in_thread(engine: &Engine, endpoint: &str) -> (SpanKey, SpanKey) {
    let open = || {
        let span = engine.spans().open_request(endpoint);
        (span, engine.spans().open_stage(span, engine.spans().stage_id("stage")))
    };
    std::thread::scope(|it| it.spawn(open).join().unwrap())
}

#[test]
fn a_request_whose_thread_is_gone_is_measured_by_others() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    for round in 1..=20 {
        let (span, stage) = open_in_thread(&engine, "/left");
        manual.advance(Duration::from_nanos(3));
        engine.spans().close(stage);
        engine.spans().close(span);
        let snapshot = engine.snapshot();
        let share = snapshot.of(&catalog::STAGE).find(|it| it.values[0].as_ref() == "stage");
        let share = share.unwrap().histogram(catalog::REQUEST_STAGE_SHARE).unwrap();
        assert_eq!((share.count(), share.recorded_sum()), (round, 3 * round));
    }
}

#[test]
fn a_panic_while_a_span_is_created_leaves_nothing_to_link() {
    let (clock, _manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let mut request = engine.start_request("/guarded");
    let make = || request.link(|| panic!("while the span is created"));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(make)).unwrap_err();
    let other = engine.spans().open_request("/other");
    engine.spans().close(other);
    request.end(Outcome::Ok);
    let snapshot = engine.snapshot();
    let endpoints: Vec<_> =
        snapshot.of(&catalog::REQUEST).map(|it| it.values[0].to_string()).collect();
    assert_eq!(endpoints, ["/guarded", "/other"]);
}

#[test]
fn a_link_within_a_link_leaves_the_outer_one_waiting() {
    let fixture = Fixture::new();
    let outer = fixture.engine.start_request("/outer");
    let inner = fixture.engine.start_request("/inner");
    let (first, second) = outer.link(|| {
        let first = inner.link(|| fixture.engine.spans().open_request("/inner"));
        (first, fixture.engine.spans().open_request("/outer"))
    });
    drop((inner, outer));
    fixture.close(first);
    fixture.close(second);
    let snapshot = fixture.engine.snapshot();
    let outcomes: Vec<_> =
        snapshot.of(&catalog::REQUEST).map(|it| it.values[1].to_string()).collect();
    // An unlinked span would have a request of its own, with the outcome `ok`.
    assert_eq!(outcomes, ["cancelled", "cancelled"]);
}

#[test]
fn an_ended_request_keeps_its_endpoint_and_links_no_span() {
    let mut fixture = Fixture::new();
    let late = fixture.open(fixture.root, "late");
    fixture.request.end(Outcome::Ok);
    fixture.request.set_endpoint("/renamed");
    let other = fixture.request.link(|| fixture.engine.spans().open_request("/other"));
    fixture.close(late);
    fixture.close(fixture.root);
    fixture.close(other);
    let snapshot = fixture.engine.snapshot();
    let stage = snapshot.of(&catalog::STAGE).find(|it| it.values[0].as_ref() == "late").unwrap();
    assert_eq!(stage.value(catalog::labels::Endpoint::LABEL), "/test");
    let endpoints: Vec<_> =
        snapshot.of(&catalog::REQUEST).map(|it| it.values[0].to_string()).collect();
    assert_eq!(endpoints, ["/other", "/test"]);
}

#[test]
fn guard_and_span_may_be_released_on_different_threads_in_any_order() {
    let (clock, _manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    const REQUESTS: u64 = 500;
    for _ in 0..REQUESTS {
        let mut request = engine.start_request("/both");
        let span = request.link(|| engine.spans().open_request("/both"));
        let stage = engine.spans().open_stage(span, engine.spans().stage_id("stage"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                engine.spans().close(stage);
                engine.spans().close(span);
            });
            request.end(Outcome::Ok);
        });
    }
    let snapshot = engine.snapshot();
    let requests = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(requests.histogram(catalog::REQUEST_DURATION).unwrap().count(), REQUESTS);
    let stages = snapshot.of(&catalog::STAGE).find(|it| it.values[0].as_ref() == "stage").unwrap();
    for metric in
        [catalog::REQUEST_STAGE_DURATION, catalog::REQUEST_STAGE_SHARE, catalog::REQUEST_STAGE_BUSY]
    {
        assert_eq!(stages.histogram(metric).unwrap().count(), REQUESTS);
    }
}

#[test]
fn a_request_ends_no_earlier_than_its_latest_applied_edge() {
    let (clock, _manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let request = ActiveRequest::new();
    let mut writer = Writer::new(&engine.0.store);
    let mut recorder = Recorder {
        clock: &engine.0.clock,
        store: &engine.0.store,
        groups: &engine.0.groups,
        writer: &mut writer,
        thread: 1,
    };
    let at = |nanos: u64| Ticks(1_000_000 + nanos);
    request.start(1, at(0), Symbol::OTHER, true);
    let key = SpanKey::for_request(0, 0);
    // Another thread has read the clock at 20, to end the request, and waits for the mutex while
    // the owner flushes its full buffer.
    for number in 0..40 {
        let slot = request.open(key, at(number), Symbol::OTHER, &mut recorder).unwrap().unwrap();
        request.close(key.for_stage(slot), at(number + 1), &mut recorder).unwrap();
    }
    let duration = request.end(key, at(20), Outcome::Ok, &mut recorder).unwrap();
    let snapshot = engine.snapshot();
    let share = |it: &Series| it.histogram(catalog::REQUEST_STAGE_SHARE).unwrap().recorded_sum();
    assert_eq!(snapshot.of(&catalog::STAGE).map(share).sum::<u64>(), duration);
    let recorded = snapshot
        .of(&catalog::REQUEST)
        .next()
        .unwrap()
        .histogram(catalog::REQUEST_DURATION)
        .unwrap();
    assert_eq!(recorded.recorded_sum(), duration);
}

#[test]
fn a_stage_that_closes_while_the_end_waits_for_the_mutex_is_recorded_at_the_end() {
    let (clock, _manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let request = ActiveRequest::new();
    let mut writer = Writer::new(&engine.0.store);
    for (thread, other) in [(1, 2), (2, 1)] {
        let mut recorder = Recorder {
            clock: &engine.0.clock,
            store: &engine.0.store,
            groups: &engine.0.groups,
            writer: &mut writer,
            thread,
        };
        request.start(1, Ticks(0), Symbol::OTHER, true);
        let key = SpanKey::for_request(0, request.generation());
        let slot = request.open(key, Ticks(10), Symbol::OTHER, &mut recorder).unwrap().unwrap();
        request.close(key.for_stage(slot), Ticks(30), &mut recorder).unwrap();
        recorder.thread = other;
        assert_eq!(request.end(key, Ticks(20), Outcome::Ok, &mut recorder), Some(20));
        let snapshot = engine.snapshot();
        let count = u64::from(thread);
        assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_DURATION), (count, 20 * count));
        assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_SHARE).1, 20 * count);
        request.release(key, Ticks(40), None, &mut recorder).unwrap();
    }
}

#[test]
fn a_stage_that_closes_before_it_opens_has_no_duration() {
    for is_end_between in [false, true] {
        let mut fixture = Fixture::new();
        fixture.advance(10);
        let spans = fixture.engine.spans();
        let at = Ticks(spans.clock().now().0 + 1);
        let stage = spans.open_stage_at(fixture.root, spans.stage_id("skewed"), at);
        on(true, || fixture.close(stage));
        // Otherwise the end lies between the close and the start.
        fixture.advance(if is_end_between { 0 } else { 20 });
        assert_eq!(fixture.end(), if is_end_between { 10 } else { 30 });
        let snapshot = fixture.engine.snapshot();
        assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_DURATION), (1, 0));
        assert_eq!(fixture.sums(catalog::REQUEST_STAGE_SHARE)[UNATTRIBUTED], fixture.end());
    }
}

#[test]
fn a_stage_that_opens_when_the_buffer_is_full_keeps_its_slot() {
    for edges in 60..66 {
        let mut fixture = Fixture::new();
        // Stages of another thread, closed by the owner: edges in its buffer that use none of its
        // slots. 64 fill it.
        let open = || (0..edges).map(|_| fixture.open(fixture.root, "theirs")).collect::<Vec<_>>();
        on(true, open).into_iter().for_each(|it| fixture.close(it));
        let ours = ["first", "second", "third"].map(|it| fixture.open(fixture.root, it));
        fixture.advance(10);
        ours.into_iter().for_each(|it| fixture.close(it));
        fixture.end();
        fixture.check(
            catalog::REQUEST_STAGE_DURATION,
            &[("first", 10), ("second", 10), ("theirs", 0), ("third", 10)],
        );
    }
}

#[test]
fn an_unusual_request_leaves_no_memory_behind() {
    let mut list: Vec<u64> = (0..10_000).collect();
    shares::clear(&mut list, 64);
    assert!(list.is_empty() && list.capacity() <= 64);
    // The size in the documentation of `Engine`.
    assert!(size_of::<ActiveRequest>() <= 2176, "{}", size_of::<ActiveRequest>());
}

/// Generates the same numbers in each run. Only the interleaving of threads differs.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Opens and closes stages below `top` at random, and finally closes all. Returns their number.
fn open_and_close(engine: &Engine, top: SpanKey, mut random: Random) -> u64 {
    let stages = ["a", "b", "c"].map(|it| engine.spans().stage_id(it));
    let mut open = vec![top];
    let mut opened = 0;
    for _ in 0..random.below(300) {
        if random.below(2) == 0 && open.len() < 60 {
            let parent = open[random.below(open.len())];
            // Siblings may close in any order, parents after their children.
            let parent = if random.below(3) == 0 { top } else { parent };
            open.push(engine.spans().open_stage(parent, stages[random.below(3)]));
            opened += 1;
        } else if 1 < open.len() {
            let now = engine.clock().now();
            let key = *open.last().unwrap();
            engine.spans().add_busy(key, now, engine.clock().now());
            open.pop();
            engine.spans().close(key);
        }
    }
    for key in open.drain(1..).rev() {
        engine.spans().close(key);
    }
    opened
}

/// Returns the number and the sum of all values of a histogram.
fn totals<F: TypedFamily>(snapshot: &Snapshot, metric: MetricId<F>) -> (u64, u64) {
    let histograms = snapshot.of(metric.family()).map(|it| it.histogram(metric).unwrap());
    histograms.fold((0, 0), |sum, it| (sum.0 + it.count(), sum.1 + it.recorded_sum()))
}

#[test]
fn threads_that_share_requests_lose_nothing() {
    const DRIVERS: u64 = 2;
    const REQUESTS: u64 = if cfg!(miri) { 3 } else { 150 };
    let engine = Engine::new();
    let drive = |driver: u64| {
        let mut opened = 0;
        for number in 0..REQUESTS {
            let seed = driver << 32 | number << 8;
            let mut request = engine.start_request("/shared");
            let root = request.link(|| engine.spans().open_request("/shared"));
            let outer = engine.spans().open_stage(root, engine.spans().stage_id("outer"));
            opened += 1 + std::thread::scope(|scope| {
                let engine = &engine;
                let helpers = [1, 2].map(|it| {
                    scope.spawn(move || open_and_close(engine, outer, Random(seed | it)))
                });
                let mut random = Random(seed);
                let mut opened = 0;
                if number % 3 == 0 {
                    opened += open_and_close(engine, outer, random);
                    request.end(Outcome::Ok);
                } else if number % 3 == 1 {
                    // Another thread ends the request meanwhile.
                    let ender = scope.spawn(move || {
                        (0..random.below(2000)).for_each(|_| std::hint::spin_loop());
                        drop(request);
                    });
                    opened += open_and_close(engine, outer, Random(seed | 3));
                    ender.join().unwrap();
                }
                opened + helpers.map(|it| it.join().unwrap()).iter().sum::<u64>()
            });
            engine.spans().close(outer);
            engine.spans().close(root);
        }
        opened
    };
    let opened: u64 = std::thread::scope(|scope| {
        let drivers: Vec<_> = (0..DRIVERS).map(|it| scope.spawn(move || drive(it))).collect();
        drivers.into_iter().map(|it| it.join().unwrap()).sum()
    });
    let snapshot = engine.snapshot();
    let (requests, durations) = totals(&snapshot, catalog::REQUEST_DURATION);
    assert_eq!(requests, DRIVERS * REQUESTS);
    assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_SHARE).1, durations);
    assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_DURATION).0, opened);
    assert_eq!(totals(&snapshot, catalog::REQUEST_STAGE_BUSY).0, opened);
    assert_eq!(snapshot.of(&catalog::DROPPED).count(), 0);
}

/// One step of a random request.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    /// Below the open stage of this number (modulo the number of open ones) or the root, on the
    /// owner thread or a remote one.
    Open(usize, bool),
    /// The open stage of this number among those without open children.
    Close(usize, bool),
    End,
    /// Frees the memory of the request if it has ended.
    Detach,
}

fn is_remote() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.3)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..200)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..50).prop_map(Step::Advance),
        6 => (any::<usize>(), is_remote()).prop_map(|(at, remote)| Step::Open(at, remote)),
        5 => (any::<usize>(), is_remote()).prop_map(|(at, remote)| Step::Close(at, remote)),
        1 => Just(Step::End),
        1 => Just(Step::Detach),
    ]
}

/// An open stage of the model.
#[derive(Clone, Copy)]
struct Open {
    key: SpanKey,
    name: &'static str,
    parent: Option<SpanKey>,
    opened: u64,
}

/// Computes shares directly, in fractions of a nanosecond.
#[derive(Default)]
struct Model {
    now: u64,
    open: Vec<Open>,
    shares: BTreeMap<String, f64>,
    durations: BTreeMap<String, u64>,
    ended: Option<u64>,
}

impl Model {
    fn innermost(&self) -> Vec<Open> {
        let is_leaf = |it: &&Open| !self.open.iter().any(|other| other.parent == Some(it.key));
        self.open.iter().filter(is_leaf).copied().collect()
    }

    fn advance(&mut self, by: u64) {
        self.now += by;
        if self.ended.is_some() {
            return;
        }
        let leaves = self.innermost();
        for leaf in &leaves {
            *self.shares.entry(leaf.name.to_owned()).or_default() +=
                by as f64 / leaves.len() as f64;
        }
    }
}

/// Runs `f` on this thread, or on another thread and waits for it.
fn on<R: Send>(remote: bool, f: impl FnOnce() -> R + Send) -> R {
    if remote { std::thread::scope(|it| it.spawn(f).join().unwrap()) } else { f() }
}

fn run(steps: &[Step]) -> (Fixture, Model, usize) {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let mut fixture = Fixture::new();
    let mut model = Model::default();
    let mut opened = 0;
    for step in steps {
        match *step {
            Step::Advance(by) => {
                fixture.advance(by);
                model.advance(by);
            }
            Step::Open(at, remote) => {
                let parent = at.checked_rem(model.open.len() + 1).and_then(|it| model.open.get(it));
                let parent = parent.map(|it| it.key);
                let name = NAMES[at % NAMES.len()];
                let key = on(remote, || fixture.open(parent.unwrap_or(fixture.root), name));
                model.open.push(Open { key, name, parent, opened: model.now });
                opened += 1;
            }
            Step::Close(at, remote) => {
                let leaves = model.innermost();
                let Some(leaf) = at.checked_rem(leaves.len()).map(|it| leaves[it]) else {
                    continue;
                };
                on(remote, || fixture.close(leaf.key));
                model.open.retain(|it| it.key != leaf.key);
                *model.durations.entry(leaf.name.to_owned()).or_default() +=
                    model.now - leaf.opened;
            }
            Step::End => {
                if model.ended.is_none() {
                    model.ended = Some(model.now);
                    fixture.request.end(Outcome::Ok);
                }
            }
            Step::Detach => assert!(fixture.detach() <= usize::from(model.ended.is_some())),
        }
    }
    while let Some(leaf) = model.innermost().pop() {
        fixture.close(leaf.key);
        model.open.retain(|it| it.key != leaf.key);
        *model.durations.entry(leaf.name.to_owned()).or_default() += model.now - leaf.opened;
    }
    let duration = fixture.end();
    assert_eq!(duration, model.ended.unwrap_or(model.now));
    (fixture, model, opened)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn shares_and_unattributed_time_are_the_duration(steps in steps()) {
        let (fixture, model, opened) = run(&steps);
        let shares = fixture.sums(catalog::REQUEST_STAGE_SHARE);
        prop_assert_eq!(shares.values().sum::<u64>(), model.ended.unwrap_or(model.now));
        for (stage, expected) in &model.shares {
            let actual = shares.get(stage).copied().unwrap_or(0) as f64;
            // Each change of the number of innermost stages may move up to 1 ns per stage.
            let slack = 1.0 + (2 * opened) as f64;
            prop_assert!((actual - expected).abs() <= slack, "{stage}: {actual}, not {expected}");
        }
    }

    #[test]
    fn durations_are_from_open_to_close(steps in steps()) {
        let (fixture, model, _) = run(&steps);
        let mut durations = fixture.sums(catalog::REQUEST_STAGE_DURATION);
        durations.retain(|_, sum| *sum != 0);
        let expected: BTreeMap<_, _> =
            model.durations.into_iter().filter(|(_, sum)| *sum != 0).collect();
        prop_assert_eq!(durations, expected);
    }
}
