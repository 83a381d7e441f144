//! A request allocates nothing once its thread has seen one like it.
//!
//! A test binary of its own: it counts what the global allocator is asked for.

use stagelight_core::{Engine, Outcome};
use stagelight_tracing::StageLayer;
use tracing::{Dispatch, Subscriber, dispatcher, field, info_span};
use tracing_subscriber::{Layer, prelude::*};

struct Nothing;

impl<S: Subscriber> Layer<S> for Nothing {}

/// Runs eight stages, as functions of a handler would.
fn stages() {
    info_span!("parse", stage = "request_parsing").in_scope(|| {});
    info_span!("auth", stage = "auth_validation").in_scope(|| {
        info_span!("plain", size = 3).in_scope(|| {});
    });
    info_span!("prepare", stage = "request_preparation").in_scope(|| {});
    let fetch = info_span!("fetch", stage = "backend_fetch", provider = "p", model = field::Empty);
    fetch.record("model", "m");
    fetch.in_scope(|| {});
    drop(fetch);
    for name in ["one", "another", "one more"] {
        info_span!("any", stage = name).in_scope(|| {});
    }
    info_span!("stream", stage = "stream_processing", error.type = %"timeout").in_scope(|| {});
}

fn plain_request() {
    info_span!("request", stagelight.endpoint = "/chat").in_scope(stages);
}

fn guarded_request(engine: &Engine) {
    let mut request = engine.start_request("/guarded");
    let span = request.link(|| info_span!("request", stagelight.endpoint = "/guarded"));
    span.in_scope(stages);
    request.end(Outcome::Ok);
}

/// Counts the allocations of 100 requests, after as many that are not counted.
fn count(dispatch: &Dispatch, request: impl Fn()) -> u64 {
    let hundred = || dispatcher::with_default(dispatch, || (0..100).for_each(|_| request()));
    hundred();
    allocation_counter::measure(hundred).count_total
}

#[test]
fn a_request_allocates_what_the_registry_does_and_nothing_else() {
    // Fine cells are made an octave at a time when a value falls into one: with a clock that stands still, all do at once.
    let engine = Engine::with_clock(stagelight_core::Clock::manual().0);
    let empty = Dispatch::new(tracing_subscriber::registry().with(Nothing));
    let measured = Dispatch::new(tracing_subscriber::registry().with(StageLayer::new(&engine)));
    let on_ours = Dispatch::new(stagelight_tracing::registry().with(StageLayer::new(&engine)));
    let base = count(&empty, plain_request);
    assert_eq!(base, 0);
    assert_eq!(count(&on_ours, plain_request), base);
    assert_eq!(count(&on_ours, || guarded_request(&engine)), base);
    assert_eq!(count(&measured, plain_request), base);
    assert_eq!(count(&measured, || guarded_request(&engine)), base);
    assert!(!engine.snapshot().series.is_empty());
}

#[test]
fn the_count_counts() {
    let empty = Dispatch::new(tracing_subscriber::registry().with(Nothing));
    assert!(100 <= count(&empty, || drop(std::hint::black_box(Box::new(7)))));
}
