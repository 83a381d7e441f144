//! A request allocates nothing once its thread has seen one like it.
//!
//! A separate test binary, because it replaces the global allocator to count.

use stagelight_core::{Engine, Outcome};
use stagelight_tracing::StageLayer;
use tracing::{Dispatch, Subscriber, dispatcher, field, info_span};
use tracing_subscriber::{Layer, prelude::*};

struct NoopLayer;

impl<S: Subscriber> Layer<S> for NoopLayer {}

/// Runs eight stages, like the functions of a handler.
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

/// Counts the allocations of 100 requests, after 100 uncounted ones.
fn count(dispatch: &Dispatch, request: impl Fn()) -> u64 {
    let hundred = || dispatcher::with_default(dispatch, || (0..100).for_each(|_| request()));
    hundred();
    allocation_counter::measure(hundred).count_total
}

#[test]
fn a_request_allocates_no_more_than_the_registry() {
    // Fine cells are allocated by octave, on its first value. With a manual clock, the first
    // requests allocate all of them.
    let engine = Engine::with_clock(stagelight_core::Clock::manual().0);
    let empty = Dispatch::new(tracing_subscriber::registry().with(NoopLayer));
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
fn the_counter_counts() {
    let empty = Dispatch::new(tracing_subscriber::registry().with(NoopLayer));
    assert!(100 <= count(&empty, || drop(std::hint::black_box(Box::new(7)))));
}
