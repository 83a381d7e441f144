use std::collections::BTreeMap;

use crate::{
    Engine, ExemplarReader, HeadDecision, Outcome, Snapshot,
    catalog::{self, MetricId, TypedFamily, labels::Endpoint},
    clock::Clock,
    layer_api::SpanKey,
};

const MILLI: u64 = 1_000_000;

fn engine() -> Engine {
    Engine::with_clock(Clock::manual().0)
}

/// Records a value of `frontend.processing` in a recorded span with this id; in none if it is 0.
fn record(engine: &Engine, span: u64, nanos: u64) {
    engine.spans().set_current(SpanKey::NONE, (span != 0).then_some((7, span)));
    let values = [catalog::FRONTEND_PROCESSING.value(nanos)];
    engine.record(&catalog::FRONTEND, Endpoint::new("/x"), &values);
    engine.spans().set_current(SpanKey::NONE, None);
}

/// Returns bucket and span of each exemplar of a metric.
fn seen<F: TypedFamily>(snapshot: &Snapshot, metric: MetricId<F>) -> Vec<(usize, u64)> {
    let series = snapshot.of(metric.family());
    let exemplars = series.flat_map(|it| it.histogram(metric).unwrap().exemplars());
    exemplars.map(|it| (it.bucket, it.span_id)).collect()
}

fn read(reader: &mut ExemplarReader) -> Vec<(usize, u64)> {
    seen(&reader.snapshot(), catalog::FRONTEND_PROCESSING)
}

#[test]
fn a_bucket_has_one_exemplar_an_interval_with_its_value() {
    let engine = engine();
    let mut reader = ExemplarReader::new(&engine);
    record(&engine, 1, 2 * MILLI);
    record(&engine, 2, 700 * MILLI);
    record(&engine, 3, 700 * MILLI);
    record(&engine, 0, 30 * MILLI);
    let snapshot = reader.snapshot();
    let series = snapshot.of(&catalog::FRONTEND).next().unwrap();
    let exemplars = series.histogram(catalog::FRONTEND_PROCESSING).unwrap().exemplars();
    assert_eq!(exemplars.len(), 2);
    assert_eq!((exemplars[0].bucket, exemplars[0].value, exemplars[0].span_id), (1, 0.002, 1));
    assert_eq!((exemplars[1].bucket, exemplars[1].value, exemplars[1].trace_id), (8, 0.7, 7));
    assert_eq!(read(&mut reader), []);
    record(&engine, 4, 2 * MILLI);
    assert_eq!(read(&mut reader), [(1, 4)]);
    assert!(seen(&engine.snapshot(), catalog::FRONTEND_PROCESSING).is_empty());
}

#[test]
fn readers_do_not_take_each_others() {
    let engine = engine();
    let (mut often, mut seldom) = (ExemplarReader::new(&engine), ExemplarReader::new(&engine));
    record(&engine, 1, MILLI / 2);
    assert_eq!(read(&mut often), [(0, 1)]);
    record(&engine, 2, 2 * MILLI);
    assert_eq!(read(&mut often), [(1, 2)]);
    assert_eq!(read(&mut seldom), [(0, 1), (1, 2)]);
    assert_eq!((read(&mut often), read(&mut seldom)), (vec![], vec![]));
}

#[test]
fn a_fifth_reader_sees_none_and_a_place_given_up_is_free() {
    let engine = engine();
    let mut four: Vec<_> = (0..4).map(|_| ExemplarReader::new(&engine)).collect();
    let mut fifth = ExemplarReader::new(&engine);
    record(&engine, 1, MILLI);
    assert_eq!(read(&mut fifth), []);
    drop((four.pop(), fifth));
    let mut next = ExemplarReader::new(&engine);
    assert_eq!(read(&mut next), [], "what was kept for the one before is not for this one");
    record(&engine, 2, 2 * MILLI);
    assert_eq!(read(&mut next), [(1, 2)]);
    assert_eq!(read(&mut four[0]), [(0, 1), (1, 2)]);
}

#[test]
fn each_value_of_an_interval_is_as_likely_whatever_thread_recorded_it() {
    const INTERVALS: u64 = 1800;
    let engine = engine();
    let mut reader = ExemplarReader::new(&engine);
    let mut chosen = BTreeMap::<_, u64>::new();
    for _ in 0..INTERVALS {
        // One here and five there: chosen by thread, the first would come half of the time.
        record(&engine, 1, MILLI);
        *chosen.entry(read_after_another_thread(&engine, &mut reader)).or_default() += 1;
    }
    assert_eq!(chosen.len(), 6);
    for (span, count) in chosen {
        // Three hundred each; five standard deviations to each side.
        assert!((221..380).contains(&count), "{span} was chosen {count} times");
    }
}

fn read_after_another_thread(engine: &Engine, reader: &mut ExemplarReader) -> u64 {
    std::thread::scope(|scope| {
        scope.spawn(|| (2..=6).for_each(|span| record(engine, span, MILLI)));
    });
    let [(0, span)] = read(reader)[..] else { panic!("one exemplar") };
    span
}

/// Runs a request of one stage, with these span ids; returns whether its trace should be kept.
fn request(engine: &Engine, request: Option<u64>, stage: Option<u64>) -> bool {
    let mut guard = engine.start_request("/x");
    let span = guard.link(|| engine.spans().open_request("/x"));
    let verdict =
        HeadDecision { is_sampled: request.is_some(), trace_id: 7, span_id: 99, propagated: None };
    let span = engine.spans().decide(span, &verdict);
    assert_eq!(span.is_traced(), request.is_some());
    engine.spans().enter_recorded(span, request.map(|it| (7, it)));
    let fetch = engine.spans().open_stage(span, engine.spans().stage_id("backend_fetch"));
    engine.spans().enter_recorded(fetch, stage.map(|it| (7, it)));
    assert!(!engine.spans().close(fetch), "a stage is no request");
    engine.spans().set_current(span, request.map(|it| (7, it)));
    guard.end(Outcome::Ok);
    engine.spans().set_current(SpanKey::NONE, None);
    engine.spans().close(span)
}

#[test]
fn a_stages_exemplar_names_the_stages_span_and_a_requests_its_own() {
    let engine = engine();
    let mut reader = ExemplarReader::new(&engine);
    assert!(request(&engine, Some(1), Some(2)), "its trace should be kept");
    let snapshot = reader.snapshot();
    let spans = |seen: Vec<(usize, u64)>| -> Vec<_> { seen.into_iter().map(|it| it.1).collect() };
    assert_eq!(spans(seen(&snapshot, catalog::REQUEST_DURATION)), [1]);
    assert_eq!(spans(seen(&snapshot, catalog::REQUEST_STAGE_DURATION)), [2]);
    assert_eq!(spans(seen(&snapshot, catalog::REQUEST_STAGE_BUSY)), [2]);
    // The stage's, and what is unattributed.
    assert_eq!(spans(seen(&snapshot, catalog::REQUEST_STAGE_SHARE)), [1, 1]);
    assert_eq!(spans(seen(&snapshot, catalog::BACKEND_TTFB)), [2]);
    // A stage that was never entered has no span to name but the request's.
    request(&engine, Some(3), None);
    let snapshot = reader.snapshot();
    assert_eq!(seen(&snapshot, catalog::REQUEST_STAGE_DURATION)[0].1, 3);
}

#[test]
fn a_request_that_is_not_recorded_gives_no_exemplar() {
    let engine = engine();
    let mut reader = ExemplarReader::new(&engine);
    for _ in 0..3 {
        assert!(!request(&engine, None, None));
    }
    let snapshot = reader.snapshot();
    for point in snapshot.series.iter().flat_map(|it| &it.points) {
        assert!(point.histogram().is_none_or(|it| it.exemplars().is_empty()));
    }
}

#[test]
fn without_a_reader_nothing_is_kept_or_marked() {
    let engine = engine();
    assert!(!request(&engine, Some(1), Some(2)));
    let mut reader = ExemplarReader::new(&engine);
    assert!(seen(&reader.snapshot(), catalog::REQUEST_DURATION).is_empty());
}
