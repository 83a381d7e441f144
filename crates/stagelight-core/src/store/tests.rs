use super::*;
use crate::{
    Buckets, Engine, Outcome, Percentages,
    catalog::{
        self, Instrument, Label, Unit,
        labels::{
            Endpoint, ErrorType, HttpRequestMethod, HttpResponseStatusCode, HttpRoute,
            NetworkProtocolVersion, Reason, Stage, UrlScheme,
        },
    },
    families, labels,
};

/// Records one stage error of each of `count` types.
fn errors(engine: &Engine, count: usize) {
    for endpoint in 0..count / 100 {
        for error in 0..100 {
            let (endpoint, error) = (format!("/{endpoint}"), format!("E{error}"));
            let labels = (Stage::new("stage"), Endpoint::new(&endpoint), ErrorType::new(&error));
            engine.add(catalog::REQUEST_STAGE_ERRORS, labels, 1);
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
    let overflow = series.iter().find(|it| it.value(Stage::LABEL) == "other").unwrap();
    assert!(matches!(overflow.points[0], Point::Counter(500)));
    assert_eq!(total(&engine, &catalog::STAGE_ERRORS), 2500);
    assert_eq!(total(&engine, &catalog::DROPPED), 500);
}

#[test]
fn counting_what_is_dropped_works_when_others_have_used_up_the_reasons() {
    let engine = Engine::new();
    for number in 0..50 {
        let reason = format!("reason {number}");
        engine.add(catalog::STAGELIGHT_DROPPED, (Reason::new(&reason), None), 1);
    }
    let stage =
        engine.spans().open_stage(crate::layer_api::SpanKey::NONE, engine.spans().stage_id("lost"));
    engine.spans().close(stage);
    let snapshot = engine.snapshot();
    let reason = |name| snapshot.of(&catalog::DROPPED).find(|it| it.value(Reason::LABEL) == name);
    assert!(matches!(reason("outside_request").unwrap().points[0], Point::Counter(1)));
    // 16 values fit, of which this crate has taken five.
    assert!(matches!(reason("label_limit").unwrap().points[0], Point::Counter(39)));
    assert!(matches!(reason("other").unwrap().points[0], Point::Counter(39)));
}

#[test]
fn a_counter_among_values_grows() {
    let engine = Engine::new();
    for _ in 0..2 {
        let values = [
            catalog::STREAMING_RESPONSE_CHUNKS.value(3),
            catalog::STREAMING_RESPONSE_CANCELLED.value(1),
        ];
        engine.record(&catalog::STREAM_RESPONSE, Endpoint::new("/x"), &values);
    }
    let snapshot = engine.snapshot();
    let series = snapshot.of(&catalog::STREAM_RESPONSE).next().unwrap();
    let chunks = series.histogram(catalog::STREAMING_RESPONSE_CHUNKS).unwrap();
    assert_eq!((chunks.count(), chunks.recorded_sum()), (2, 6));
    let count = |metric| series.point(metric).unwrap();
    assert!(matches!(count(catalog::STREAMING_RESPONSE_CANCELLED), Point::Counter(2)));
    assert!(matches!(count(catalog::STREAMING_RESPONSE_TIMED_OUT), Point::Counter(0)));
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
    assert_eq!(series.histogram(catalog::REQUEST_DURATION).unwrap().count(), 10_000);
    let stages = snapshot.of(&catalog::STAGE);
    let stages = stages.map(|it| it.histogram(catalog::REQUEST_STAGE_DURATION).unwrap().count());
    assert_eq!(stages.sum::<u64>(), 10_000);
    assert_eq!(total(&engine, &catalog::DROPPED), 0);
    assert!(engine.0.store.shards.lock().all.len() <= AT_ONCE);
    assert_eq!(engine.0.pool.made(), 256);
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
    let labels = (HttpRequestMethod::Get, UrlScheme::Http);
    let add = |by| engine.add(catalog::HTTP_SERVER_ACTIVE_REQUESTS, labels, by);
    add(2);
    std::thread::scope(|it| it.spawn(|| add(-1)).join().unwrap());
    let snapshot = engine.snapshot();
    let series = snapshot.of(&catalog::HTTP_SERVER_ACTIVE).next().unwrap();
    assert!(matches!(series.points[0], Point::UpDownCounter(1)));
}

#[test]
fn an_absent_attribute_is_not_listed() {
    let engine = Engine::new();
    let labels = (
        HttpRequestMethod::Get,
        UrlScheme::Http,
        Some(HttpResponseStatusCode::new("200")),
        Some(HttpRoute::new("")),
        None,
        NetworkProtocolVersion::Http11,
    );
    engine.record(&catalog::HTTP_SERVER, labels, &[catalog::HTTP_SERVER_REQUEST_DURATION.value(5)]);
    let snapshot = engine.snapshot();
    let labels: Vec<_> = snapshot.series[0].labels().map(|(label, _)| label.otel_name).collect();
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
        let value = catalog::FRONTEND_PROCESSING.value(millis * 1_000_000);
        engine.record(&catalog::FRONTEND, Endpoint::new("/chat"), &[value]);
    }
    let snapshot = engine.snapshot();
    let histogram = snapshot.series[0].histogram(catalog::FRONTEND_PROCESSING).unwrap();
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
    let record = |nanos| {
        let values = [catalog::FRONTEND_PROCESSING.value(nanos)];
        engine.record(&catalog::FRONTEND, Endpoint::new("/chat"), &values);
    };
    record(1_000_000);
    let before = engine.snapshot();
    record(800_000_000);
    let after = engine.snapshot();
    let histogram =
        |it| Snapshot::of(it, &catalog::FRONTEND).next()?.histogram(catalog::FRONTEND_PROCESSING);
    let [before, after] = [&before, &after].map(|it| histogram(it).unwrap());
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
            Point::Gauge(percent) => (it.value(Stage::LABEL).to_owned(), percent),
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

static WAIT_SECONDS: Buckets = Buckets::seconds(&[0.1, 1.0]);

labels! {
    /// A closed set of another crate.
    pub(super) enum Priority = Label::new("job.priority", "job_priority", 4) => {
        /// `low`
        Low = "low",
        /// `high`
        High = "high",
    };
    /// An open set of another crate.
    pub(super) struct Queue = Label::new("queue.name", "queue_name", 2);
}

families! {
    /// The families of this test.
    pub(super) const ALL;

    /// Jobs.
    pub(super) static JOBS: JobsFamily<'a> = (Queue<'a>, Option<Priority>, Endpoint<'a>) {
        /// Time between adding a job and starting it.
        JOB_WAIT: "job.wait" => "job_wait_seconds",
            Unit::Seconds, Instrument::quantiles(&WAIT_SECONDS);
        /// Jobs started.
        JOB_STARTED: "job.started" => "job_started_total", Unit::Count("job"), Instrument::Counter;
    }
}

#[test]
fn another_crates_family_needs_no_registration_and_has_the_same_limits() {
    let engine = Engine::new();
    let record = |queue, priority, wait| {
        let labels = (Queue::new(queue), priority, Endpoint::new("/x"));
        engine.record(&JOBS, labels, &[JOB_WAIT.value(wait), JOB_STARTED.value(1)]);
    };
    record("mail", Some(Priority::High), 3);
    std::thread::scope(|scope| {
        scope.spawn(|| record("mail", Some(Priority::High), 4)).join().unwrap();
    });
    record("mail", None, 5);
    record("print", None, 6);
    record("one more", None, 7);
    let snapshot = engine.snapshot();
    let seen: Vec<_> = snapshot
        .of(&JOBS)
        .map(|it| {
            let wait = it.histogram(JOB_WAIT).unwrap();
            (it.value(Queue::LABEL), it.value(Priority::LABEL), wait.count(), wait.recorded_sum())
        })
        .collect();
    assert_eq!(
        seen,
        [("mail", "", 1, 5), ("mail", "high", 2, 7), ("other", "", 1, 7), ("print", "", 1, 6)]
    );
    assert_eq!(snapshot.families(), [&*catalog::DROPPED, ALL[0]]);
    assert_eq!(Priority::ALL.map(Priority::as_str), ["low", "high"]);
    assert_eq!(Priority::from_label("high"), Some(Priority::High));
    assert_eq!(total(&engine, &catalog::DROPPED), 1);
}

#[test]
fn families_beyond_the_limit_are_dropped_and_counted() {
    let engine = Engine::new();
    for _ in 0..20 {
        let family = Box::leak(Box::new(Family::new(JOBS.labels, JOBS.metrics)));
        engine.0.store.families.number(family, |_| ());
    }
    engine.add(JOB_STARTED, (Queue::new("mail"), None, Endpoint::new("/x")), 1);
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.families(), [&*catalog::DROPPED]);
    assert_eq!(snapshot.series[0].value(Reason::LABEL), "series_limit");
}
