//! Requests driven through the engine with a clock that stands still between edges.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use crate::{
    Clock, Engine, ManualClock, Outcome, Request, Series, SpanKey, StageAttribute, catalog,
    stage::UNATTRIBUTED,
};

/// An engine, its clock, and one request in it.
struct Bench {
    engine: Engine,
    clock: ManualClock,
    request: Request,
    root: SpanKey,
}

impl Bench {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        let engine = Engine::with_clock(clock);
        let request = engine.start_request("/test");
        let root = request.link(|| engine.open_request_span("/test"));
        Self { engine, clock: manual, request, root }
    }

    fn open(&self, parent: SpanKey, stage: &str) -> SpanKey {
        self.engine.open_stage(parent, self.engine.stage_id(stage))
    }

    fn advance(&self, nanos: u64) {
        self.clock.advance(Duration::from_nanos(nanos));
    }

    fn end(&mut self) -> u64 {
        let duration = self.request.end(Outcome::Ok).get();
        self.engine.close(self.root);
        duration
    }

    /// Sums of one of the stage family's histograms, by stage.
    fn sums(&self, position: usize) -> BTreeMap<String, u64> {
        let snapshot = self.engine.snapshot();
        let sum = |it: &Series| {
            let histogram = it.histogram(position)?;
            (0 < histogram.count())
                .then(|| (it.value(catalog::Label::Stage).to_owned(), histogram.recorded_sum()))
        };
        snapshot.of(&catalog::STAGE).filter_map(sum).collect()
    }

    #[track_caller]
    fn check(&self, position: usize, expected: &[(&str, u64)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|&(stage, sum)| (stage.to_owned(), sum)).collect();
        assert_eq!(self.sums(position), expected);
    }
}

#[test]
fn a_nested_stage_takes_its_time_from_the_one_around_it() {
    let mut bench = Bench::new();
    bench.advance(10);
    let outer = bench.open(bench.root, "outer");
    bench.advance(20);
    let inner = bench.open(outer, "inner");
    bench.advance(40);
    bench.engine.close(inner);
    bench.advance(30);
    bench.engine.close(outer);
    bench.advance(5);
    assert_eq!(bench.end(), 105);
    bench.check(catalog::STAGE_DURATION, &[("inner", 40), ("outer", 90)]);
    bench.check(catalog::STAGE_SHARE, &[("inner", 40), ("outer", 50), (UNATTRIBUTED, 15)]);
}

#[test]
fn stages_side_by_side_split_the_time_evenly() {
    let mut bench = Bench::new();
    let left = bench.open(bench.root, "left");
    bench.advance(10);
    let right = bench.open(bench.root, "right");
    bench.advance(30);
    bench.engine.close(left);
    bench.advance(7);
    bench.engine.close(right);
    assert_eq!(bench.end(), 47);
    bench.check(catalog::STAGE_SHARE, &[("left", 25), ("right", 22), (UNATTRIBUTED, 0)]);
}

#[test]
fn a_stage_that_outlives_its_request_keeps_its_duration_and_loses_nothing_else() {
    let mut bench = Bench::new();
    let late = bench.open(bench.root, "late");
    bench.advance(40);
    let duration = bench.request.end(Outcome::Ok).get();
    bench.advance(60);
    bench.check(catalog::STAGE_SHARE, &[("late", 40), (UNATTRIBUTED, 0)]);
    bench.engine.close(late);
    bench.engine.close(bench.root);
    assert_eq!(duration, 40);
    bench.check(catalog::STAGE_DURATION, &[("late", 100)]);
    bench.check(catalog::STAGE_SHARE, &[("late", 40), (UNATTRIBUTED, 0)]);
}

#[test]
fn a_request_of_a_thousand_stages_is_swept_as_it_goes() {
    let mut bench = Bench::new();
    let outer = bench.open(bench.root, "outer");
    for _ in 0..1000 {
        bench.advance(3);
        let inner = bench.open(outer, "inner");
        bench.advance(5);
        bench.engine.close(inner);
    }
    bench.engine.close(outer);
    assert_eq!(bench.end(), 8000);
    bench.check(catalog::STAGE_DURATION, &[("inner", 5000), ("outer", 8000)]);
    bench.check(catalog::STAGE_SHARE, &[("inner", 5000), ("outer", 3000), (UNATTRIBUTED, 0)]);
}

#[test]
fn a_fan_out_wider_than_the_lane_is_measured_in_full() {
    let mut bench = Bench::new();
    let stages: Vec<_> = (0..500).map(|_| bench.open(bench.root, "fan")).collect();
    bench.advance(1000);
    for stage in stages {
        bench.engine.close(stage);
    }
    assert_eq!(bench.end(), 1000);
    bench.check(catalog::STAGE_DURATION, &[("fan", 500 * 1000)]);
    bench.check(catalog::STAGE_SHARE, &[("fan", 1000), (UNATTRIBUTED, 0)]);
}

#[test]
fn stages_beyond_the_limit_are_counted() {
    let mut bench = Bench::new();
    let stages: Vec<_> = (0..1030).map(|_| bench.open(bench.root, "fan")).collect();
    assert_eq!(stages.iter().filter(|it| !it.is_stage()).count(), 6);
    for stage in stages {
        bench.engine.close(stage);
    }
    bench.end();
    let snapshot = bench.engine.snapshot();
    let dropped: Vec<_> = snapshot.of(&catalog::DROPPED).collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].value(catalog::Label::Reason), "too_many_stages");
    assert!(matches!(dropped[0].points[0], crate::Point::Counter(6)));
}

#[test]
fn a_stage_outside_any_request_is_counted_and_not_measured() {
    let bench = Bench::new();
    let stage = bench.open(SpanKey::NONE, "lost");
    bench.engine.close(stage);
    assert!(stage.is_none());
    let snapshot = bench.engine.snapshot();
    let dropped: Vec<_> = snapshot.of(&catalog::DROPPED).collect();
    assert_eq!(dropped[0].value(catalog::Label::Reason), "outside_request");
}

#[test]
fn busy_time_adds_up_over_threads() {
    let mut bench = Bench::new();
    let stage = bench.open(bench.root, "polled");
    let entered = bench.engine.clock().now();
    bench.advance(7);
    bench.engine.add_busy(stage, entered, bench.engine.clock().now());
    let engine = bench.engine.clone();
    let clock = bench.clock.clone();
    std::thread::spawn(move || {
        let entered = engine.clock().now();
        clock.advance(Duration::from_nanos(11));
        engine.add_busy(stage, entered, engine.clock().now());
    })
    .join()
    .unwrap();
    bench.advance(100);
    bench.engine.close(stage);
    bench.end();
    bench.check(catalog::STAGE_BUSY, &[("polled", 18)]);
}

#[test]
fn backend_stages_tell_provider_and_model_when_they_close() {
    let mut bench = Bench::new();
    let fetch = bench.open(bench.root, "backend_fetch");
    bench.engine.set_attribute(fetch, StageAttribute::Provider, "openai");
    bench.advance(100);
    bench.engine.set_attribute(fetch, StageAttribute::Model, "gpt");
    bench.engine.set_attribute(fetch, StageAttribute::ErrorType, "timeout");
    bench.engine.close(fetch);
    let stream = bench.open(bench.root, "stream_processing");
    bench.advance(50);
    bench.engine.close(stream);
    bench.end();
    let snapshot = bench.engine.snapshot();
    let backends: Vec<_> = snapshot.of(&catalog::BACKEND).collect();
    let values = |it: &Series| it.values.iter().map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(values(backends[0]), ["openai", "gpt", "/test"]);
    assert_eq!(backends[0].histogram(catalog::BACKEND_TTFB).unwrap().recorded_sum(), 100);
    assert_eq!(values(backends[1]), ["unknown", "unknown", "/test"]);
    assert_eq!(backends[1].histogram(catalog::STREAMING_DURATION).unwrap().recorded_sum(), 50);
    let errors: Vec<_> = snapshot.of(&catalog::STAGE_ERRORS).collect();
    assert_eq!(values(errors[0]), ["backend_fetch", "/test", "timeout"]);
}

#[test]
fn frontend_processing_is_one_value_a_request() {
    let mut bench = Bench::new();
    for stage in ["request_parsing", "auth_validation", "backend_fetch", "request_preparation"] {
        let stage = bench.open(bench.root, stage);
        bench.advance(100);
        bench.engine.close(stage);
    }
    bench.end();
    let snapshot = bench.engine.snapshot();
    let frontend = snapshot.of(&catalog::FRONTEND).next().unwrap().histogram(0).unwrap();
    assert_eq!((frontend.count(), frontend.recorded_sum()), (1, 300));
}

#[test]
fn a_dropped_request_is_cancelled_and_a_stale_key_is_ignored() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let request = engine.start_request("/gone");
    let root = request.link(|| engine.open_request_span("/gone"));
    manual.advance(Duration::from_nanos(9));
    drop(request);
    engine.close(root);
    let stage = engine.open_stage(root, engine.stage_id("late"));
    assert!(stage.is_none());
    let snapshot = engine.snapshot();
    let request = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(request.value(catalog::Label::Outcome), "cancelled");
    assert_eq!(request.histogram(0).unwrap().recorded_sum(), 9);
}

#[test]
fn a_request_without_a_guard_ends_with_its_span_or_its_outcome() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    for outcome in [None, Some(Outcome::Error)] {
        let root = engine.open_request_span("job");
        manual.advance(Duration::from_nanos(5));
        if let Some(outcome) = outcome {
            engine.end_span_request(root, outcome);
        }
        manual.advance(Duration::from_nanos(100));
        engine.close(root);
    }
    let snapshot = engine.snapshot();
    let sums: Vec<_> = snapshot
        .of(&catalog::REQUEST)
        .map(|it| (it.value(catalog::Label::Outcome), it.histogram(0).unwrap().recorded_sum()))
        .collect();
    assert_eq!(sums, [("error", 5), ("ok", 105)]);
}

/// What a random request does at one instant.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    /// Below the open stage of this number (modulo how many are open), or the root; on the home thread or another.
    Open(usize, bool),
    /// The open stage of this number that has no open children.
    Close(usize, bool),
    End,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..50).prop_map(Step::Advance),
        6 => (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(at, away)| Step::Open(at, away)),
        5 => (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(at, away)| Step::Close(at, away)),
        1 => Just(Step::End),
    ]
}

/// A stage that is open in the model.
#[derive(Clone, Copy)]
struct Open {
    key: SpanKey,
    name: &'static str,
    parent: Option<SpanKey>,
    opened: u64,
}

/// Recomputes shares the slow and obvious way, in fractions of a nanosecond.
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

/// Runs on this thread, or on another and waits for it.
fn on<R: Send>(away: bool, f: impl FnOnce() -> R + Send) -> R {
    if away { std::thread::scope(|it| it.spawn(f).join().unwrap()) } else { f() }
}

fn run(steps: &[Step]) -> (Bench, Model, usize) {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let mut bench = Bench::new();
    let mut model = Model::default();
    let mut opened = 0;
    for step in steps {
        match *step {
            Step::Advance(by) => {
                bench.advance(by);
                model.advance(by);
            }
            Step::Open(at, away) => {
                let parent = at.checked_rem(model.open.len() + 1).and_then(|it| model.open.get(it));
                let parent = parent.map(|it| it.key);
                let name = NAMES[at % NAMES.len()];
                let key = on(away, || bench.open(parent.unwrap_or(bench.root), name));
                model.open.push(Open { key, name, parent, opened: model.now });
                opened += 1;
            }
            Step::Close(at, away) => {
                let leaves = model.innermost();
                let Some(leaf) = at.checked_rem(leaves.len()).map(|it| leaves[it]) else {
                    continue;
                };
                on(away, || bench.engine.close(leaf.key));
                model.open.retain(|it| it.key != leaf.key);
                *model.durations.entry(leaf.name.to_owned()).or_default() +=
                    model.now - leaf.opened;
            }
            Step::End => {
                if model.ended.is_none() {
                    model.ended = Some(model.now);
                    bench.request.end(Outcome::Ok);
                }
            }
        }
    }
    while let Some(leaf) = model.innermost().pop() {
        bench.engine.close(leaf.key);
        model.open.retain(|it| it.key != leaf.key);
        *model.durations.entry(leaf.name.to_owned()).or_default() += model.now - leaf.opened;
    }
    let duration = bench.end();
    assert_eq!(duration, model.ended.unwrap_or(model.now));
    (bench, model, opened)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn shares_and_unattributed_time_are_the_duration(steps in prop::collection::vec(step(), 0..200)) {
        let (bench, model, opened) = run(&steps);
        let shares = bench.sums(catalog::STAGE_SHARE);
        prop_assert_eq!(shares.values().sum::<u64>(), model.ended.unwrap_or(model.now));
        for (stage, expected) in &model.shares {
            let actual = shares.get(stage).copied().unwrap_or(0) as f64;
            // Each change of the number of innermost stages may move less than one nanosecond a stage.
            let slack = 1.0 + (2 * opened) as f64;
            prop_assert!((actual - expected).abs() <= slack, "{stage}: {actual}, not {expected}");
        }
    }

    #[test]
    fn durations_are_from_open_to_close(steps in prop::collection::vec(step(), 0..200)) {
        let (bench, model, _) = run(&steps);
        let mut durations = bench.sums(catalog::STAGE_DURATION);
        durations.retain(|_, sum| *sum != 0);
        let expected: BTreeMap<_, _> =
            model.durations.into_iter().filter(|(_, sum)| *sum != 0).collect();
        prop_assert_eq!(durations, expected);
    }
}
