use super::*;
use crate::{Engine, Outcome, Percentages, catalog::Label};

/// Records one stage error of each of `count` types.
fn errors(engine: &Engine, count: usize) {
    for endpoint in 0..count / 100 {
        for error in 0..100 {
            let labels = ["stage", &format!("/{endpoint}"), &format!("E{error}")];
            engine.add(&catalog::STAGE_ERRORS, &labels, 0, 1);
        }
    }
}

fn total(engine: &Engine, family: &'static Family) -> u64 {
    let snapshot = engine.snapshot();
    let count = |it: &Series| match it.points[0] {
        Point::Counter(count) => count,
        Point::Histogram(_) | Point::UpDownCounter(_) | Point::Gauge(_) => 0,
    };
    snapshot.of(family).map(count).sum()
}

#[test]
fn series_beyond_the_cap_are_counted_in_one_and_nothing_is_lost() {
    let engine = Engine::new();
    errors(&engine, 2500);
    let snapshot = engine.snapshot();
    let series: Vec<_> = snapshot.of(&catalog::STAGE_ERRORS).collect();
    assert_eq!(series.len(), MAX_SERIES + 1);
    let overflow = series.iter().find(|it| it.value(Label::Stage) == "other").unwrap();
    assert!(matches!(overflow.points[0], Point::Counter(500)));
    assert_eq!(total(&engine, &catalog::STAGE_ERRORS), 2500);
    assert_eq!(total(&engine, &catalog::DROPPED), 500);
}

#[test]
fn counting_what_is_dropped_works_when_others_have_used_up_the_reasons() {
    let engine = Engine::new();
    for number in 0..50 {
        engine.add(&catalog::DROPPED, &[&format!("reason {number}")], 0, 1);
    }
    let stage =
        engine.spans().open_stage(crate::layer_api::SpanKey::NONE, engine.spans().stage_id("lost"));
    engine.spans().close(stage);
    let snapshot = engine.snapshot();
    let reason = |name| snapshot.of(&catalog::DROPPED).find(|it| it.value(Label::Reason) == name);
    assert!(matches!(reason("outside_request").unwrap().points[0], Point::Counter(1)));
    // 16 values fit, of which this crate has taken five.
    assert!(matches!(reason("label_limit").unwrap().points[0], Point::Counter(39)));
    assert!(matches!(reason("other").unwrap().points[0], Point::Counter(39)));
}

#[test]
fn a_counter_among_values_grows_and_an_unknown_position_does_nothing() {
    let engine = Engine::new();
    for _ in 0..2 {
        let values = [(catalog::STREAM_CHUNKS, 3), (catalog::STREAM_CANCELLED, 1), (99, 1)];
        engine.record(&catalog::STREAM_RESPONSE, &["/x"], &values);
    }
    let snapshot = engine.snapshot();
    let series = snapshot.of(&catalog::STREAM_RESPONSE).next().unwrap();
    let chunks = series.histogram(catalog::STREAM_CHUNKS).unwrap();
    assert_eq!((chunks.count(), chunks.recorded_sum()), (2, 6));
    assert!(matches!(series.points[catalog::STREAM_CANCELLED], Point::Counter(2)));
    assert!(matches!(series.points[catalog::STREAM_TIMED_OUT], Point::Counter(0)));
}

#[test]
fn a_shard_outlives_its_thread_and_serves_the_next() {
    let engine = Engine::new();
    for _ in 0..20 {
        std::thread::scope(|it| it.spawn(|| errors(&engine, 100)).join().unwrap());
    }
    assert_eq!(engine.0.store.shards.lock().all.len(), 1);
    assert_eq!(total(&engine, &catalog::STAGE_ERRORS), 2000);
}

#[test]
fn ten_thousand_threads_that_come_and_go_leak_nothing_and_lose_nothing() {
    const AT_ONCE: usize = 8;
    let engine = Engine::new();
    let life = || {
        let mut request = engine.start_request("/x");
        let span = request.link(|| engine.spans().open_request("/x"));
        let stage = engine.spans().open_stage(span, engine.spans().stage_id("stage"));
        engine.spans().close(stage);
        request.end(Outcome::Ok);
        engine.spans().close(span);
    };
    for _ in 0..10_000 / AT_ONCE {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(life)).collect();
            // Joined one by one: the end of the scope does not wait for thread-locals.
            threads.into_iter().for_each(|it| it.join().unwrap());
        });
    }
    let snapshot = engine.snapshot();
    let series = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(series.histogram(0).unwrap().count(), 10_000);
    let stages = snapshot.of(&catalog::STAGE).map(|it| it.histogram(0).unwrap().count());
    assert_eq!(stages.sum::<u64>(), 10_000);
    assert_eq!(total(&engine, &catalog::DROPPED), 0);
    assert!(engine.0.store.shards.lock().all.len() <= AT_ONCE);
    assert_eq!(engine.0.pool.pages_made(), 1);
}

#[test]
fn threads_at_once_have_a_shard_each_and_readers_see_the_sum() {
    let engine = Engine::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| errors(&engine, 100)));
        }
    });
    assert_eq!(total(&engine, &catalog::STAGE_ERRORS), 4000);
}

#[test]
fn an_up_down_counter_may_go_up_on_one_thread_and_down_on_another() {
    let engine = Engine::new();
    let add = |by| engine.add(&catalog::HTTP_SERVER_ACTIVE, &["GET", "http"], 0, by);
    add(2);
    std::thread::scope(|it| it.spawn(|| add(-1)).join().unwrap());
    let snapshot = engine.snapshot();
    let series = snapshot.of(&catalog::HTTP_SERVER_ACTIVE).next().unwrap();
    assert!(matches!(series.points[0], Point::UpDownCounter(1)));
}

#[test]
fn an_absent_attribute_is_not_listed() {
    let engine = Engine::new();
    engine.record(&catalog::HTTP_SERVER, &["GET", "http", "200", "", "", "1.1"], &[(0, 5)]);
    let snapshot = engine.snapshot();
    let labels: Vec<_> = snapshot.series[0].labels().map(|(label, _)| label.otel_name()).collect();
    let present = [
        "http.request.method",
        "url.scheme",
        "http.response.status_code",
        "network.protocol.version",
    ];
    assert_eq!(labels, present);
}

#[test]
fn quantiles_are_within_the_documented_error() {
    let engine = Engine::new();
    for millis in 1..=1000_u64 {
        engine.record(&catalog::FRONTEND, &["/chat"], &[(0, millis * 1_000_000)]);
    }
    let snapshot = engine.snapshot();
    let histogram = snapshot.series[0].histogram(0).unwrap();
    for (q, expected) in
        [(0.5, 0.5), (0.9, 0.9), (0.99, 0.99), (0.999, 0.999), (0.0, 0.001), (1.0, 1.0)]
    {
        let actual = histogram.quantile(q).unwrap();
        assert!((actual / expected - 1.0).abs() < 0.011, "q{q}: {actual}, not {expected}");
    }
}

#[test]
fn a_difference_holds_what_was_recorded_in_between() {
    let engine = Engine::new();
    let record = |nanos| engine.record(&catalog::FRONTEND, &["/chat"], &[(0, nanos)]);
    record(1_000_000);
    let before = engine.snapshot();
    record(800_000_000);
    let after = engine.snapshot();
    let [before, after] = [&before, &after].map(|it| it.series[0].histogram(0).unwrap());
    let between = after.since(before);
    assert_eq!((between.count(), between.recorded_sum()), (1, 800_000_000));
    assert!((between.quantile(0.5).unwrap() / 0.8 - 1.0).abs() < 0.011);
}

#[test]
fn percentages_sum_to_a_hundred_and_are_those_of_the_last_interval() {
    let (clock, manual) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let run = |stage: &str, nanos| {
        let mut request = engine.start_request("/chat");
        let span = request.link(|| engine.spans().open_request("/chat"));
        let stage = engine.spans().open_stage(span, engine.spans().stage_id(stage));
        manual.advance(std::time::Duration::from_nanos(nanos));
        engine.spans().close(stage);
        manual.advance(std::time::Duration::from_nanos(100));
        request.end(Outcome::Ok);
        engine.spans().close(span);
    };
    let mut reader = Percentages::new();
    let mut read = || {
        let mut snapshot = engine.snapshot();
        reader.add_to(&mut snapshot, |stage| engine.group_of(stage));
        let gauge = |it: &Series| match it.points[0] {
            Point::Gauge(percent) => (it.value(Label::Stage).to_owned(), percent),
            _ => unreachable!(),
        };
        snapshot.of(&catalog::PERCENTAGE).map(gauge).collect::<BTreeMap<_, _>>()
    };
    run("backend_fetch", 300);
    let first = read();
    assert_eq!(first["backend_response"], 75.0);
    assert_eq!(first["unattributed"], 25.0);
    assert_eq!(first["frontend_processing"], 0.0);
    run("auth_validation", 100);
    let second = read();
    assert_eq!(second["backend_response"], 0.0);
    assert_eq!(second["frontend_processing"], 50.0);
    assert_eq!(read(), second, "an interval without requests keeps the values");
    assert_eq!(second.values().sum::<f64>(), 100.0);
}
