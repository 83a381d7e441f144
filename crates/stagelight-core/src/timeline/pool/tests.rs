//! Requests at and beyond the limit.

use std::{
    collections::BTreeSet,
    sync::{Barrier, mpsc},
    time::Duration,
};

use crate::{
    Clock, Engine, ExemplarReader, HeadDecision, Outcome, Point, Request, Series,
    catalog::{self, labels::Reason},
    layer_api::{SpanKey, StageAttribute},
};

/// Counts of dropped values by reason.
fn dropped(engine: &Engine) -> Vec<(String, u64)> {
    let count = |it: &Series| match it.points[0] {
        Point::Counter(count) => (it.value(Reason::LABEL).to_owned(), count),
        _ => unreachable!("a counter"),
    };
    engine.snapshot().of(&catalog::DROPPED).map(count).collect()
}

/// Counts and sums of `request.duration` by outcome.
fn durations(engine: &Engine) -> Vec<(String, u64, u64)> {
    let of = |it: &Series| {
        let histogram = it.histogram(catalog::REQUEST_DURATION).unwrap();
        let outcome = it.value(Outcome::LABEL).to_owned();
        (outcome, histogram.count(), histogram.recorded_sum())
    };
    engine.snapshot().of(&catalog::REQUEST).map(of).collect()
}

#[test]
fn idle_threads_that_ended_requests_keep_none_from_others() {
    const OPEN: u32 = 500;
    let engine = Engine::builder().max_requests(OPEN).build();
    let (done, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        // Like tokio's blocking pool: threads that end requests and live on.
        let threads: Vec<_> = (0..40)
            .map(|_| {
                let (sender, requests) = mpsc::channel::<Request>();
                let done = done.clone();
                scope.spawn(move || {
                    for mut request in requests {
                        request.end(Outcome::Ok);
                        done.send(()).unwrap();
                    }
                });
                sender
            })
            .collect();
        for _ in 0..50 {
            let requests: Vec<_> = (0..OPEN).map(|_| engine.start_request("/churn")).collect();
            for (request, thread) in requests.into_iter().zip(threads.iter().cycle()) {
                thread.send(request).unwrap();
            }
            (0..OPEN).for_each(|_| ended.recv().unwrap());
        }
    });
    assert_eq!(dropped(&engine), []);
    assert_eq!(durations(&engine)[0].1, 25_000);
}

#[test]
fn idle_threads_that_began_requests_keep_none_from_others() {
    const THREADS: u32 = 100;
    let engine = Engine::builder().max_requests(THREADS).build();
    let (all_open, all_ended) = (Barrier::new(100), Barrier::new(100));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut request = engine.start_request("/held");
                all_open.wait();
                request.end(Outcome::Ok);
                all_ended.wait();
            });
        }
    });
    assert_eq!(dropped(&engine), []);
}

#[test]
fn ended_threads_give_back_their_requests() {
    let engine = Engine::builder().max_requests(16).build();
    for _ in 0..100 {
        let live = || drop(engine.start_request("/short"));
        std::thread::scope(|it| it.spawn(live).join().unwrap());
    }
    assert_eq!(dropped(&engine), []);
    assert_eq!(engine.0.pool.made(), 16);
}

#[test]
fn ended_requests_with_open_spans_do_not_count_as_open() {
    const REQUESTS: u64 = 20_000;
    let (clock, manual) = Clock::manual();
    let engine = Engine::builder().clock(clock).max_requests(100).build();
    let task = engine.spans().stage_id("task");
    let spans: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let mut request = engine.start_request("/socket");
            let root = request.link(|| engine.spans().open_request("/socket"));
            let late = engine.spans().open_stage(root, task);
            manual.advance(Duration::from_nanos(3));
            request.end(Outcome::Ok);
            (root, late)
        })
        .collect();
    assert_eq!(dropped(&engine), []);
    // Their memory has been reused.
    assert!(engine.0.pool.made() <= 512, "{}", engine.0.pool.made());
    for (root, late) in spans {
        engine.spans().close(late);
        engine.spans().close(root);
    }
    assert_eq!(durations(&engine), [("ok".to_owned(), REQUESTS, 3 * REQUESTS)]);
    let snapshot = engine.snapshot();
    let stage = snapshot.of(&catalog::STAGE).find(|it| it.values[0].as_ref() == "task").unwrap();
    let late = stage.histogram(catalog::REQUEST_STAGE_DURATION).unwrap();
    // The n-th request's task lives from 3 n until all have ended.
    let expected = (0..REQUESTS).map(|it| 3 * (REQUESTS - it)).sum::<u64>();
    assert_eq!((late.count(), late.recorded_sum()), (REQUESTS, expected));
}

/// Begins a request with a span and ends it. Returns the span.
fn end_early(engine: &Engine) -> SpanKey {
    let mut request = engine.start_request("/socket");
    let root = request.link(|| engine.spans().open_request("/socket"));
    request.end(Outcome::Ok);
    root
}

#[test]
fn ended_requests_do_not_count_as_open_under_a_low_limit() {
    for limit in 1..=20 {
        let engine = Engine::builder().max_requests(limit).build();
        let spans: Vec<_> = (0..1000).map(|_| end_early(&engine)).collect();
        assert_eq!(dropped(&engine), [], "limit {limit}");
        for span in spans {
            engine.spans().close(span);
        }
        assert_eq!(durations(&engine)[0].1, 1000);
    }
}

#[test]
fn the_memory_of_ended_requests_is_reused_whichever_thread_ended_them() {
    let engine = Engine::builder().max_requests(100).build();
    let mut spans = Vec::new();
    for _ in 0..20 {
        let requests: Vec<_> = (0..100).map(|_| engine.start_request("/socket")).collect();
        let open = |it: &Request| it.link(|| engine.spans().open_request("/socket"));
        spans.extend(requests.iter().map(open));
        std::thread::scope(|it| it.spawn(|| drop(requests)).join().unwrap());
    }
    for _ in 0..20 {
        let begin = || (0..100).map(|_| end_early(&engine)).collect::<Vec<_>>();
        spans.extend(std::thread::scope(|it| it.spawn(begin).join().unwrap()));
    }
    assert_eq!(dropped(&engine), []);
    assert!(engine.0.pool.made() <= 512, "{}", engine.0.pool.made());
    for span in spans {
        engine.spans().close(span);
    }
    assert_eq!(durations(&engine).iter().map(|it| it.1).sum::<u64>(), 4_000);
}

#[test]
fn ended_requests_of_an_idle_thread_do_not_count_as_open() {
    let engine = Engine::builder().max_requests(100).build();
    let (busy, idle) = mpsc::channel::<()>();
    let (sender, requests) = mpsc::channel();
    let engine = &engine;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..100 {
                let request = engine.start_request("/socket");
                let root = request.link(|| engine.spans().open_request("/socket"));
                sender.send((request, root)).unwrap();
            }
            idle.recv().unwrap_err();
        });
        // Ends the thread, also if this one panics.
        let _busy = busy;
        let requests: Vec<_> = requests.iter().take(100).collect();
        let spans: Vec<_> = requests.into_iter().map(|(_ended, root)| root).collect();
        let open: Vec<_> = (0..100).map(|_| engine.start_request("/open")).collect();
        assert_eq!(dropped(engine), []);
        for span in spans {
            engine.spans().close(span);
        }
        drop(open);
    });
    assert_eq!(durations(engine).iter().map(|it| it.1).sum::<u64>(), 200);
}

#[test]
fn a_fruitless_search_for_ended_requests_drops_none_later() {
    let engine = &Engine::builder().max_requests(100).build();
    let (busy, idle) = mpsc::channel::<()>();
    let (sender, spans) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            (0..100).for_each(|_| sender.send(end_early(engine)).unwrap());
            idle.recv().unwrap_err();
        });
        // Ends the thread, also if this one panics.
        let _busy = busy;
        let mut spans: Vec<_> = spans.iter().take(100).collect();
        // The first search finds only requests of the other thread, which is idle.
        spans.extend((0..2000).map(|_| end_early(engine)));
        assert_eq!(dropped(engine), []);
        spans.into_iter().for_each(|it| assert!(!engine.spans().close(it)));
    });
    assert_eq!(durations(engine)[0].1, 2100);
}

#[test]
fn spans_of_an_ended_request_keep_its_trace_and_attributes() {
    let engine = Engine::new();
    let _reader = ExemplarReader::new(&engine);
    let spans = engine.spans();
    let root = end_early(&engine);
    spans.enter_recorded(root, Some((7, 8)));
    let detached = engine.0.with_thread(|it| engine.0.detach_ended(it));
    assert_eq!(detached, 1);
    let fetch = spans.open_stage(root, spans.stage_id("backend_fetch"));
    spans.set_attribute(fetch, StageAttribute::Provider, "openai");
    spans.set_attribute(fetch, StageAttribute::ErrorType, "503");
    assert_eq!(spans.endpoint(fetch).as_deref(), Some("/socket"));
    spans.close(fetch);
    assert!(spans.close(root), "an exemplar refers to the request");
    let snapshot = engine.snapshot();
    let backend = snapshot.of(&catalog::BACKEND).next().unwrap();
    assert_eq!(&*backend.values[0], "openai");
    assert_eq!(&*backend.values[2], "/socket");
    let error = snapshot.of(&catalog::STAGE_ERRORS).next().unwrap();
    assert_eq!(&*error.values[2], "503");
    assert!(!spans.open_stage(root, spans.stage_id("late")).is_stage());
}

#[test]
fn an_ended_request_stays_until_all_its_spans_have_closed() {
    for is_detached in [false, true] {
        let engine = Engine::new();
        let spans = engine.spans();
        let mut request = engine.start_request("/socket");
        let roots = [(); 2].map(|()| request.link(|| spans.open_request("/socket")));
        request.end(Outcome::Ok);
        if is_detached {
            assert_eq!(engine.0.with_thread(|it| engine.0.detach_ended(it)), 1);
        }
        for root in roots {
            let stage = spans.open_stage(root, spans.stage_id("task"));
            assert!(stage.is_stage());
            spans.close(stage);
            spans.close(root);
        }
        assert!(!spans.open_stage(roots[0], spans.stage_id("task")).is_stage());
        let snapshot = engine.snapshot();
        let stage = snapshot.of(&catalog::STAGE).find(|it| &*it.values[0] == "task").unwrap();
        assert_eq!(stage.histogram(catalog::REQUEST_STAGE_DURATION).unwrap().count(), 2);
    }
}

#[test]
fn late_stages_of_a_detached_request_have_slots_of_their_own() {
    let engine = Engine::new();
    let spans = engine.spans();
    let mut request = engine.start_request("/socket");
    let root = request.link(|| spans.open_request("/socket"));
    let open = || spans.open_stage(root, spans.stage_id("task"));
    let mut stages: Vec<_> = (0..100).map(|_| open()).collect();
    request.end(Outcome::Ok);
    assert_eq!(engine.0.with_thread(|it| engine.0.detach_ended(it)), 1);
    stages.extend((100..1024).map(|_| open()));
    let slots: BTreeSet<_> = stages.iter().filter(|it| it.is_stage()).map(|it| it.slot()).collect();
    assert_eq!(slots.len(), 1024);
    assert!(!open().is_stage());
    for closed in [700, 64, 63, 1023] {
        let slot = stages[closed].slot();
        spans.close(stages[closed]);
        stages[closed] = open();
        assert_eq!(stages[closed].slot(), slot);
    }
    stages.into_iter().for_each(|it| assert!(!spans.close(it)));
    spans.close(root);
    let snapshot = engine.snapshot();
    let stage = snapshot.of(&catalog::STAGE).find(|it| &*it.values[0] == "task").unwrap();
    assert_eq!(stage.histogram(catalog::REQUEST_STAGE_DURATION).unwrap().count(), 1028);
    assert_eq!(dropped(&engine), [("too_many_stages".to_owned(), 1)]);
}

#[test]
fn memory_with_repeating_keys_waits_for_its_ended_requests() {
    let engine = Engine::builder().max_requests(1).build();
    let state = &engine.0;
    let detach = || state.with_thread(|it| state.detach_ended(it));
    let socket = end_early(&engine);
    assert_eq!(detach(), 1);
    state.pool.get(0).unwrap().set_generation(SpanKey::GENERATIONS - 1);
    drop(engine.start_request("/wraps"));
    // One request may be open, but not with the key of the first one.
    let open = engine.spans().open_request("/open");
    assert!(open != socket);
    assert_eq!(open.request(), 1);
    engine.spans().close(socket);
    detach();
    assert_eq!(engine.spans().open_request("/again").request(), 0);
    assert_eq!(dropped(&engine), []);
}

#[test]
fn an_unsampled_trace_is_propagated_after_the_request() {
    let engine = Engine::new();
    let root = engine.spans().open_request("/socket");
    let decision = HeadDecision { is_sampled: false, trace_id: 7, span_id: 8, propagated: None };
    let root = engine.spans().decide(root, &decision);
    engine.spans().end_request(root, Outcome::Ok);
    assert_eq!(engine.0.with_thread(|it| engine.0.detach_ended(it)), 1);
    let trace = engine.spans().unsampled_trace(root).unwrap();
    assert_eq!((trace.trace_id, trace.span_id), (7, 8));
    engine.spans().close(root);
    assert!(engine.spans().unsampled_trace(root).is_none());
}

/// Fills an engine with one request. Later ones are beyond its limit.
fn full() -> (Engine, crate::ManualClock, Request) {
    let (clock, manual) = Clock::manual();
    let engine = Engine::builder().clock(clock).max_requests(1).build();
    let request = engine.start_request("/first");
    (engine, manual, request)
}

fn run_stage(engine: &Engine, root: SpanKey) {
    let stage = engine.spans().open_stage(root, engine.spans().stage_id("stage"));
    assert!(stage.is_plain() && stage.is_traced());
    engine.spans().close(stage);
}

#[test]
fn a_request_beyond_the_limit_is_counted_once_and_keeps_its_duration() {
    let (engine, manual, first) = full();
    for outcome in [Some(Outcome::Timeout), None] {
        let mut request = engine.start_request("/start");
        let root = request.link(|| engine.spans().open_request("/start"));
        manual.advance(Duration::from_nanos(5));
        request.set_endpoint("/route");
        run_stage(&engine, root);
        match outcome {
            Some(outcome) => assert_eq!(request.end(outcome).get(), 5),
            None => drop(request),
        }
        engine.spans().close(root);
    }
    assert_eq!(dropped(&engine), [("too_many_requests".to_owned(), 2)]);
    assert_eq!(durations(&engine), [("cancelled".to_owned(), 1, 5), ("timeout".to_owned(), 1, 5)]);
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.of(&catalog::STAGE).count(), 0);
    let endpoints: Vec<_> = snapshot.of(&catalog::REQUEST).map(|it| &*it.values[0]).collect();
    assert_eq!(endpoints, ["/route", "/route"]);
    drop(first);
    // There is room again.
    drop(engine.start_request("/second"));
    assert_eq!(dropped(&engine), [("too_many_requests".to_owned(), 2)]);
}

#[test]
fn a_request_span_beyond_the_limit_ends_once() {
    let (engine, manual, _first) = full();
    for outcome in [None, Some(Outcome::Error)] {
        let root = engine.spans().open_request("job");
        run_stage(&engine, root);
        manual.advance(Duration::from_nanos(5));
        if let Some(outcome) = outcome {
            engine.spans().end_request(root, outcome);
            engine.spans().end_request(root, Outcome::Ok);
        }
        manual.advance(Duration::from_nanos(2));
        engine.spans().close(root);
    }
    assert_eq!(dropped(&engine), [("too_many_requests".to_owned(), 2)]);
    assert_eq!(durations(&engine), [("error".to_owned(), 1, 5), ("ok".to_owned(), 1, 7)]);
}
