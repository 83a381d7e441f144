//! Real spans on a real Registry, with a manual clock.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use stagelight_core::{
    Clock, Engine, Group, ManualClock, Outcome, Series, Snapshot,
    catalog::{self, MetricId, StageFamily, TypedFamily, labels},
    layer_api::StreamStage,
};
use tracing::{Dispatch, Span, dispatcher, field::Empty, info_span};
use tracing_subscriber::prelude::*;

use crate::StageLayer;

/// An engine with a layer on a Registry.
struct Fixture {
    engine: Engine,
    clock: ManualClock,
    dispatch: Dispatch,
}

impl Fixture {
    fn new() -> Self {
        let (clock, manual) = Clock::manual();
        let engine = Engine::with_clock(clock);
        let subscriber = tracing_subscriber::registry().with(StageLayer::new(&engine));
        Self { engine, clock: manual, dispatch: Dispatch::new(subscriber) }
    }

    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&self.dispatch, f)
    }

    fn advance(&self, nanos: u64) {
        self.clock.advance(Duration::from_nanos(nanos));
    }

    /// Checks the counts and sums of one of the stage family's histograms, by stage.
    #[track_caller]
    fn check(&self, metric: MetricId<StageFamily>, expected: &[(&str, u64, u64)]) {
        let snapshot = self.engine.snapshot();
        let actual = by_first_label(&snapshot, metric);
        let expected: BTreeMap<_, _> =
            expected.iter().map(|&(stage, count, sum)| (stage.to_owned(), (count, sum))).collect();
        assert_eq!(actual, expected);
    }

    fn requests(&self) -> Vec<(String, String, u64)> {
        let snapshot = self.engine.snapshot();
        let row = |it: &Series| {
            let sum = it.histogram(catalog::REQUEST_DURATION).unwrap().recorded_sum();
            (it.value(labels::Endpoint::LABEL).to_owned(), it.value(Outcome::LABEL).to_owned(), sum)
        };
        snapshot.of(&catalog::REQUEST).map(row).collect()
    }
}

fn by_first_label<F: TypedFamily>(
    snapshot: &Snapshot,
    metric: MetricId<F>,
) -> BTreeMap<String, (u64, u64)> {
    let row = |it: &Series| {
        let histogram = it.histogram(metric)?;
        let count = histogram.count();
        (0 < count).then(|| (it.values[0].to_string(), (count, histogram.recorded_sum())))
    };
    snapshot.of(metric.family()).filter_map(row).collect()
}

#[test]
fn nested_spans_become_durations_shares_and_busy_times() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        fixture.advance(10);
        {
            let _outer = info_span!("outer", stage = "outer").entered();
            fixture.advance(20);
            let _plain = info_span!("plain").entered();
            info_span!("inner", stage = "inner").in_scope(|| fixture.advance(40));
            fixture.advance(30);
        }
        fixture.advance(5);
    });
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("inner", 1, 40), ("outer", 1, 90)]);
    fixture.check(
        catalog::REQUEST_STAGE_SHARE,
        &[("inner", 1, 40), ("outer", 1, 50), ("unattributed", 1, 15)],
    );
    fixture.check(catalog::REQUEST_STAGE_BUSY, &[("inner", 1, 40), ("outer", 1, 90)]);
    assert_eq!(fixture.requests(), [("/chat".to_owned(), "ok".to_owned(), 105)]);
}

#[test]
fn interleaved_polls_are_busy_one_at_a_time() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let request = info_span!("request", stagelight.endpoint = "/chat");
        let (left, right) = request.in_scope(|| {
            (info_span!("left", stage = "left"), info_span!("right", stage = "right"))
        });
        let poll =
            |span: &Span, nanos| request.in_scope(|| span.in_scope(|| fixture.advance(nanos)));
        poll(&left, 10);
        poll(&right, 4);
        poll(&left, 6);
        fixture.advance(10);
        drop(left);
        poll(&right, 10);
        drop(right);
    });
    fixture.check(catalog::REQUEST_STAGE_BUSY, &[("left", 1, 16), ("right", 1, 14)]);
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("left", 1, 30), ("right", 1, 40)]);
}

#[test]
fn a_span_entered_twice_is_busy_once() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        let stage = info_span!("stage", stage = "stage");
        let _outer = stage.enter();
        fixture.advance(3);
        stage.in_scope(|| fixture.advance(4));
        fixture.advance(5);
    });
    fixture.check(catalog::REQUEST_STAGE_BUSY, &[("stage", 1, 12)]);
}

#[test]
fn a_span_entered_again_is_not_a_parent_as_on_the_registry() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let first = info_span!("first", stagelight.endpoint = "first");
        let _outer = first.enter();
        let second = info_span!("second", stagelight.endpoint = "second").entered();
        let again = first.enter();
        let stage = info_span!("stage", stage = "stage");
        fixture.advance(5);
        drop((again, second, stage));
    });
    let snapshot = fixture.engine.snapshot();
    let stage =
        snapshot.of(&catalog::STAGE).find(|it| it.value(labels::Stage::LABEL) == "stage").unwrap();
    // The Registry makes `second` the parent of `stage`, so the stage belongs to its request.
    assert_eq!(stage.value(labels::Endpoint::LABEL), "second");
    assert_eq!(stage.histogram(catalog::REQUEST_STAGE_DURATION).unwrap().recorded_sum(), 5);
}

#[test]
fn work_between_a_stage_s_start_and_its_first_poll_is_busy_and_waiting_is_not() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let request = info_span!("request", stagelight.endpoint = "/chat");
        // The thread stays in the request, so it is busy.
        request.in_scope(|| {
            let worked = info_span!("worked", stage = "worked");
            fixture.advance(3);
            worked.in_scope(|| fixture.advance(10));
        });
        // The thread leaves the request, so it waits until the poll.
        let waited = request.in_scope(|| info_span!("waited", stage = "waited"));
        fixture.advance(50);
        waited.in_scope(|| fixture.advance(20));
        // The thread was not in the request, so its work is unknown.
        let unknown = info_span!(parent: &request, "unknown", stage = "unknown");
        fixture.advance(70);
        unknown.in_scope(|| fixture.advance(30));
        // It is also unknown if another span was entered in between.
        request.in_scope(|| {
            let other = info_span!("other", stage = "other");
            info_span!("plain").in_scope(|| fixture.advance(90));
            other.in_scope(|| fixture.advance(40));
        });
    });
    let busy = [("worked", 1, 13), ("waited", 1, 20), ("unknown", 1, 30), ("other", 1, 40)];
    fixture.check(catalog::REQUEST_STAGE_BUSY, &busy);
}

#[test]
fn a_cloned_layer_may_be_added_to_another_subscriber() {
    let left = Fixture::new();
    let layer = StageLayer::new(&left.engine);
    let [one, other] =
        [layer.clone(), layer].map(|it| Dispatch::new(tracing_subscriber::registry().with(it)));
    // The first span has the same id in both Registries.
    let open = |dispatch: &Dispatch, endpoint: &'static str| {
        dispatcher::with_default(dispatch, || info_span!("request", stagelight.endpoint = endpoint))
    };
    let (first, second) = (open(&one, "first"), open(&other, "second"));
    assert_eq!(first.id(), second.id());
    let stage =
        dispatcher::with_default(&other, || info_span!(parent: &second, "stage", stage = "stage"));
    left.advance(7);
    // The Registry closes a parent through the thread's current subscriber.
    dispatcher::with_default(&other, || drop((stage, second)));
    dispatcher::with_default(&one, || drop(first));
    let snapshot = left.engine.snapshot();
    let stage =
        snapshot.of(&catalog::STAGE).find(|it| it.value(labels::Stage::LABEL) == "stage").unwrap();
    assert_eq!(stage.value(labels::Endpoint::LABEL), "second");
}

#[test]
fn spans_created_and_dropped_while_a_thread_ends_do_no_harm() {
    /// Creates a request and a stage after the thread's other thread-locals are gone.
    struct Late(Engine, Dispatch);
    impl Drop for Late {
        fn drop(&mut self) {
            dispatcher::with_default(&self.1, || {
                let request = info_span!("request", stagelight.endpoint = "/late");
                let stage = info_span!(parent: &request, "stage", stage = "stage");
                stage.in_scope(|| {});
                drop((stage, request));
            });
            let mut guarded = self.0.start_request("/guarded");
            guarded.end(Outcome::Ok);
        }
    }
    thread_local! {
        static LATE: std::cell::OnceCell<Late> = const { std::cell::OnceCell::new() };
    }
    let fixture = Fixture::new();
    let used = || fixture.run(|| drop(info_span!("used", stagelight.endpoint = "/used").entered()));
    let late =
        || LATE.with(|it| it.set(Late(fixture.engine.clone(), fixture.dispatch.clone())).ok());
    // Thread-locals are dropped in the order of their first use, or in reverse.
    for late_first in [true, false] {
        let run = || {
            late_first.then(late);
            used();
            (!late_first).then(late);
        };
        // Joined explicitly: a scope does not wait for the drop of thread-locals.
        std::thread::scope(|scope| scope.spawn(run).join().unwrap());
    }
    let snapshot = fixture.engine.snapshot();
    let counts: BTreeMap<_, _> = snapshot
        .of(&catalog::REQUEST)
        .map(|it| {
            (
                it.value(labels::Endpoint::LABEL).to_owned(),
                it.histogram(catalog::REQUEST_DURATION).unwrap().count(),
            )
        })
        .collect();
    assert_eq!((counts["/guarded"], counts["/used"]), (2, 2));
}

#[test]
fn stages_open_and_close_on_any_thread() {
    let fixture = Fixture::new();
    for _ in 0..100 {
        let request = fixture.run(|| info_span!("request", stagelight.endpoint = "/moved"));
        let stage = fixture.run(|| request.in_scope(|| info_span!("stage", stage = "stage")));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                fixture.run(|| {
                    fixture.advance(10);
                    stage.in_scope(|| fixture.advance(20));
                    let child = info_span!(parent: &stage, "child", stage = "child");
                    fixture.advance(5);
                    drop((child, stage, request));
                });
            });
        });
    }
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("child", 100, 500), ("stage", 100, 3500)]);
    fixture.check(
        catalog::REQUEST_STAGE_SHARE,
        &[("child", 100, 500), ("stage", 100, 3000), ("unattributed", 100, 0)],
    );
    fixture.check(catalog::REQUEST_STAGE_BUSY, &[("child", 100, 0), ("stage", 100, 2000)]);
}

#[test]
fn a_root_span_inside_a_request_is_not_part_of_it() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        let _detached = info_span!(parent: None, "detached").entered();
        info_span!("lost", stage = "lost").in_scope(|| fixture.advance(7));
    });
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("unattributed", 1, 7)]);
    let snapshot = fixture.engine.snapshot();
    let dropped = snapshot.of(&catalog::DROPPED).next().unwrap();
    assert_eq!(dropped.value(labels::Reason::LABEL), "outside_request");
    assert_eq!(dropped.value(labels::Stage::LABEL), "lost");
}

#[test]
fn a_request_inside_a_request_has_stages_of_its_own() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _outer = info_span!("outer", stagelight.endpoint = "outer").entered();
        fixture.advance(1);
        {
            let _inner = info_span!("inner", stagelight.endpoint = "inner").entered();
            info_span!("stage", stage = "stage").in_scope(|| fixture.advance(10));
        }
        fixture.advance(1);
    });
    let snapshot = fixture.engine.snapshot();
    let stage =
        snapshot.of(&catalog::STAGE).find(|it| it.value(labels::Stage::LABEL) == "stage").unwrap();
    assert_eq!(stage.value(labels::Endpoint::LABEL), "inner");
    let rows = fixture.requests();
    assert_eq!(rows[0], ("inner".to_owned(), "ok".to_owned(), 10));
    assert_eq!(rows[1], ("outer".to_owned(), "ok".to_owned(), 12));
}

#[test]
fn fields_may_be_recorded_later_and_as_any_kind_of_value() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request =
            info_span!("request", stagelight.endpoint = %format_args!("/{}", "chat")).entered();
        let fetch = info_span!("fetch", stage = "backend_fetch", provider = Empty, model = %"gpt",
                error.type = Empty);
        fixture.advance(9);
        fetch.record("provider", "openai");
        fetch.record("error.type", tracing::field::display("503"));
        drop(fetch);
    });
    let snapshot = fixture.engine.snapshot();
    let backend = snapshot.of(&catalog::BACKEND).next().unwrap();
    let values: Vec<_> = backend.values.iter().map(|it| &**it).collect();
    assert_eq!(values, ["openai", "gpt", "/chat"]);
    let error = snapshot.of(&catalog::STAGE_ERRORS).next().unwrap();
    assert_eq!(error.value(labels::ErrorType::LABEL), "503");
}

#[test]
fn one_callsite_may_name_many_stages() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        for (nanos, name) in [(1, "first"), (2, "second"), (4, "first")] {
            info_span!("stage", stage = name).in_scope(|| fixture.advance(nanos));
        }
    });
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("first", 2, 5), ("second", 1, 2)]);
}

#[test]
fn a_stage_may_choose_its_group() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        let group = "frontend_processing";
        info_span!("limit", stage = "rate_limit", stage.group = group)
            .in_scope(|| fixture.advance(5));
    });
    assert_eq!(fixture.engine.group_of("rate_limit"), Group::FrontendProcessing);
    let snapshot = fixture.engine.snapshot();
    let frontend = snapshot.of(&catalog::FRONTEND).next().unwrap();
    let frontend = frontend.histogram(catalog::FRONTEND_PROCESSING).unwrap();
    assert_eq!(frontend.recorded_sum(), 5);
}

#[test]
fn an_outcome_ends_a_request_without_middleware() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let request = info_span!("job", stagelight.endpoint = "job", outcome = Empty);
        fixture.advance(5);
        request.record("outcome", "timeout");
        fixture.advance(50);
    });
    assert_eq!(fixture.requests(), [("job".to_owned(), "timeout".to_owned(), 5)]);
}

#[test]
fn a_guard_links_the_next_request_span_and_ends_the_request() {
    let fixture = Fixture::new();
    fixture.run(|| {
        let mut request = fixture.engine.start_request("/guarded");
        let span = request
            .link(|| info_span!("request", stagelight.endpoint = "/guarded", outcome = Empty));
        span.in_scope(|| info_span!("stage", stage = "stage").in_scope(|| fixture.advance(3)));
        span.record("outcome", "error");
        drop(span);
        fixture.advance(4);
        request.end(Outcome::Ok);
    });
    assert_eq!(fixture.requests(), [("/guarded".to_owned(), "ok".to_owned(), 7)]);
    fixture.check(catalog::REQUEST_STAGE_SHARE, &[("stage", 1, 3), ("unattributed", 1, 4)]);
}

#[test]
fn two_engines_on_one_thread_do_not_mix() {
    let (left, right) = (Fixture::new(), Fixture::new());
    let outer = left.run(|| info_span!("request", stagelight.endpoint = "left"));
    let _entered = left.run(|| outer.enter());
    right.run(|| {
        let _request = info_span!("request", stagelight.endpoint = "right").entered();
        info_span!("stage", stage = "stage").in_scope(|| right.advance(3));
    });
    right.check(catalog::REQUEST_STAGE_DURATION, &[("stage", 1, 3)]);
    left.check(catalog::REQUEST_STAGE_DURATION, &[]);
}

#[test]
fn values_of_ended_threads_remain_and_their_shards_are_reused() {
    let fixture = Fixture::new();
    for _ in 0..50 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                fixture.run(|| {
                    let _request = info_span!("request", stagelight.endpoint = "/thread").entered();
                    info_span!("stage", stage = "stage").in_scope(|| fixture.advance(2));
                });
            });
        });
    }
    fixture.check(catalog::REQUEST_STAGE_DURATION, &[("stage", 50, 100)]);
}

#[test]
fn other_layers_see_the_same_spans() {
    let lines = |with_stages: bool| {
        let buffer = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = std::sync::Arc::clone(&buffer);
        let write = move || Sink(std::sync::Arc::clone(&sink));
        let fmt =
            tracing_subscriber::fmt::layer().without_time().with_ansi(false).with_writer(write);
        let stages = with_stages.then(|| StageLayer::new(&Engine::new()));
        let subscriber = tracing_subscriber::registry().with(stages).with(fmt);
        tracing::subscriber::with_default(subscriber, || {
            let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
            let _stage = info_span!("parse", stage = "request_parsing", size = 3).entered();
            tracing::info!(answer = 42, "parsed");
        });
        let bytes = buffer.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(lines(true), lines(false));
    assert!(lines(true).contains("size=3"));
}

struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_stage_of_a_stream_is_found_by_its_span_and_engine() {
    let fixture = Fixture::new();
    let other = Fixture::new();
    let find = |engine: &Engine, span: &Span| StreamStage::from_span(engine.spans(), span);
    fixture.run(|| {
        let request = info_span!("request", stagelight.endpoint = "/chat");
        let _entered = request.enter();
        let stage = info_span!("s", stage = "stream_processing", provider = "p", model = Empty);
        let found = find(&fixture.engine, &stage).expect("the span is a stage of a stream");
        stage.record("model", "m");
        found.record(fixture.engine.spans(), &[catalog::STREAMING_BACKEND_CHUNKS.value(3)]);

        assert_eq!(find(&other.engine, &stage), None, "the stage belongs to another engine");
        for span in [&request, &info_span!("o", stage = "other"), &info_span!("plain")] {
            assert_eq!(find(&fixture.engine, span), None);
        }
    });
    assert_eq!(find(&fixture.engine, &Span::none()), None);
    assert_eq!(find(&Engine::new(), &Span::none()), None, "the engine has no layer");

    let snapshot = fixture.engine.snapshot();
    let series: Vec<_> = snapshot.of(&catalog::STREAM_BACKEND).collect();
    assert_eq!(series.len(), 1);
    let labels = [labels::Provider::LABEL, labels::Model::LABEL, labels::Endpoint::LABEL]
        .map(|it| series[0].value(it));
    assert_eq!(labels, ["p", "m", "/chat"]);
}

#[test]
fn the_stage_of_a_stream_is_found_on_our_registry_too() {
    let engine = Engine::new();
    // With another layer above it, which has a filter of its own.
    let quiet = tracing_subscriber::fmt::layer()
        .with_writer(std::io::sink)
        .with_filter(tracing_subscriber::filter::LevelFilter::WARN);
    let subscriber = crate::registry().with(StageLayer::new(&engine)).with(quiet);
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        let _request = info_span!("request", stagelight.endpoint = "/chat").entered();
        let stage = info_span!("s", stage = "stream_processing");
        assert!(StreamStage::from_span(engine.spans(), &stage).is_some());
    });
}

/// One step of a thread with random spans.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    /// Creates a span below the current one: a request, a plain span, or one of two stages.
    Create(usize),
    /// Enters the span of this number, modulo how many are open.
    Enter(usize),
    /// Drops the guard of this number, in any order.
    Exit(usize),
    /// Drops the handle of this number, which closes the span once no guard holds it.
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_u64..50).prop_map(Step::Advance),
        4 => (0_usize..4).prop_map(Step::Create),
        5 => any::<usize>().prop_map(Step::Enter),
        4 => any::<usize>().prop_map(Step::Exit),
        2 => any::<usize>().prop_map(Step::Close),
    ]
}

fn take<T>(list: &mut Vec<T>, number: usize) {
    if let Some(at) = number.checked_rem(list.len()) {
        drop(list.remove(at));
    }
}

fn run(steps: &[Step], clock: &ManualClock) {
    let (mut spans, mut guards) = (Vec::<Span>::new(), Vec::new());
    for step in steps {
        match *step {
            Step::Advance(by) => clock.advance(Duration::from_nanos(by)),
            Step::Create(0) => spans.push(info_span!("request", stagelight.endpoint = "/x")),
            Step::Create(1) => spans.push(info_span!("plain")),
            Step::Create(2) => spans.push(info_span!("a", stage = "a")),
            Step::Create(_) => spans.push(info_span!("b", stage = "b")),
            Step::Enter(number) => {
                if let Some(at) = number.checked_rem(spans.len()) {
                    guards.push(spans[at].clone().entered());
                }
            }
            Step::Exit(number) => take(&mut guards, number),
            Step::Close(number) => take(&mut spans, number),
        }
    }
}

proptest! {
    #[test]
    fn every_registry_measures_the_same(steps in prop::collection::vec(step(), 0..60)) {
        let measure = |subscriber: fn(&Engine, &Engine) -> Dispatch| {
            let (clock, manual) = Clock::manual();
            let engine = Engine::with_clock(clock.clone());
            let other = Engine::with_clock(clock);
            dispatcher::with_default(&subscriber(&engine, &other), || run(&steps, &manual));
            let engines = [engine, other].map(|it| it.snapshot());
            engines.map(|snapshot| {
                let sums = |metric| by_first_label(&snapshot, metric);
                (
                    [
                        catalog::REQUEST_STAGE_DURATION,
                        catalog::REQUEST_STAGE_BUSY,
                        catalog::REQUEST_STAGE_SHARE,
                    ]
                    .map(sums),
                    by_first_label(&snapshot, catalog::REQUEST_DURATION),
                )
            })
        };
        let plain = measure(|engine, other| {
            let layer = StageLayer::new(engine).and_then(StageLayer::new(other));
            Dispatch::new(tracing_subscriber::registry().with(layer))
        });
        let shared = measure(|engine, other| {
            let subscriber = crate::registry().with(StageLayer::new(engine));
            Dispatch::new(subscriber.with(StageLayer::new(other)))
        });
        prop_assert_eq!(&shared, &plain);
        let filtered = measure(|engine, other| {
            let filter = tracing_subscriber::filter::LevelFilter::WARN;
            let quiet = tracing_subscriber::fmt::layer().with_filter(filter);
            let subscriber = crate::registry().with(StageLayer::new(engine)).with(quiet);
            Dispatch::new(subscriber.with(StageLayer::new(other)))
        });
        prop_assert_eq!(&filtered, &plain);
    }
}
