//! Bodies and streams as stages.

use std::{convert::Infallible, io, panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{FutureExt as _, Stream as _, StreamExt as _, stream};
use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use stagelight_http::{StageBodyExt, StageStreamExt, stage_span};
use stagelight_testing::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Bench, Dropped, get, poll};

/// Runs `work` within a request that lasts as long as it does.
fn in_request<R>(bench: &Bench, work: impl FnOnce() -> R) -> R {
    let mut request = bench.engine.start_request("/x");
    let span = request.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
    let result = span.in_scope(work);
    request.end(stagelight_core::Outcome::Ok);
    result
}

#[track_caller]
fn check_body(body: impl FnOnce(&Bench) -> ScriptedBody, polls: usize, expected: &str) {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = body(&bench).map_err(BoxError::from).in_stage("render");
        poll(body, polls, bench.pass(5))
    });
    assert_eq!(bench.stages(), [expected]);
    assert!(bench.spans.the("stage").is_closed);
}

#[test]
fn a_body_is_a_stage_to_its_last_frame() {
    let script = |bench: &Bench| ScriptedBody::new().run(bench.pass(2)).data("a");
    check_body(script, 1, "render - 2ms 2ms");
}

#[test]
fn a_body_that_hides_its_end_is_a_stage_until_nothing_more_comes() {
    let script = |bench: &Bench| ScriptedBody::new().data("a").pending().run(bench.pass(2));
    check_body(|bench| script(bench).hiding_its_end(), 9, "render - 2ms 2ms");
}

#[test]
fn a_body_that_is_dropped_is_a_stage_to_its_drop() {
    check_body(|_| ScriptedBody::new().data("a").data("b"), 1, "render - 5ms 5ms");
}

#[test]
fn an_empty_body_is_a_stage_that_is_over() {
    check_body(|_| ScriptedBody::new(), 0, "render - 0ms 0ms");
}

#[test]
fn a_body_that_fails_is_a_stage_with_an_error() {
    let script = |bench: &Bench| ScriptedBody::new().run(bench.pass(2)).error("reset");
    check_body(script, 9, "render body 2ms 2ms");
    let script = |_: &Bench| ScriptedBody::new().error_caused_by("late", io::ErrorKind::TimedOut);
    check_body(script, 1, "render timeout 0ms 0ms");
}

#[test]
fn a_body_that_panics_is_a_stage_with_an_error() {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = ScriptedBody::new().panic("oh no").in_stage("render");
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| poll(body, 1, || ())));
        assert_eq!(polled.unwrap_err().downcast_ref::<String>().unwrap(), "oh no");
    });
    assert_eq!(bench.stages(), ["render panic 0ms 0ms"]);
}

#[test]
fn a_body_keeps_its_size_and_end_in_a_stage() {
    let body = ScriptedBody::new().data("abc").in_stage("render");
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(!body.is_end_stream());
    assert!(ScriptedBody::new().in_stage("render").is_end_stream());
}

#[test]
fn the_span_of_a_stage_is_as_long_as_its_body() {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = ScriptedBody::new().pending().run(bench.pass(210)).data("a").pending();
        poll(body.in_stage(stage_span!("render", template = "index")), 4, || ());
    });
    let span = bench.spans.the("render");
    assert_eq!(span.length, Duration::from_millis(210));
    assert_eq!(span.field("template"), "index");
    assert_eq!(span.field("stage"), "render");
    assert_eq!(span.parent.as_deref(), Some("http.request"));
}

#[test]
fn any_span_with_a_stage_field_will_do() {
    let bench = Bench::new();
    in_request(&bench, || {
        let span = tracing::info_span!("mine", stage = "stream_processing", provider = "p");
        poll(ScriptedBody::new().run(bench.pass(3)).data("a").in_stage(span), 1, || ());
    });
    assert_eq!(bench.stages(), ["stream_processing - 3ms 3ms"]);
    assert_eq!(bench.series(&stagelight_core::catalog::BACKEND).len(), 1);
}

#[test]
fn a_stream_is_a_stage_to_its_end() {
    let bench = Bench::new();
    let seen = in_request(&bench, || {
        let mut pass = Some(bench.pass(2));
        let items = stream::iter([1, 2, 3]).inspect(move |it| {
            if *it == 3 {
                pass.take().unwrap()();
            }
        });
        let staged = items.in_stage("count");
        assert_eq!(staged.size_hint(), (3, Some(3)));
        let seen = staged.collect::<Vec<_>>().now_or_never().unwrap();
        bench.time.advance(Duration::from_millis(5));
        seen
    });
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(bench.stages(), ["count - 2ms 2ms"]);
}

#[test]
fn a_stream_that_is_over_closes_its_stage_before_it_is_dropped() {
    let bench = Bench::new();
    in_request(&bench, || {
        let mut staged = pin!(stream::iter([1]).in_stage("count"));
        assert_eq!(staged.next().now_or_never().unwrap(), Some(1));
        assert!(!bench.spans.the("stage").is_closed);
        assert_eq!(staged.next().now_or_never().unwrap(), None);
        assert!(bench.spans.the("stage").is_closed);
    });
}

#[test]
fn what_an_unread_stream_holds_is_dropped_inside_its_stage() {
    let bench = Bench::new();
    in_request(&bench, || {
        let held = Dropped(bench.time.clone());
        drop(stream::iter([held]).in_stage("hold"));
    });
    assert_eq!(bench.spans.the("dropped").parent.as_deref(), Some("stage"));
    assert_eq!(bench.stages(), ["hold - 1ms 1ms"]);
}

#[test]
fn an_error_in_a_stream_counts_only_if_that_was_asked_for() {
    let items = [Ok(1), Err(io::Error::other("bad")), Ok(2)];
    let [first, second] = [items, [Ok(1), Err(io::ErrorKind::TimedOut.into()), Ok(2)]];

    let bench = Bench::new();
    let count = in_request(&bench, || {
        let staged = stream::iter(first).try_in_stage("count");
        staged.count().now_or_never().unwrap()
    });
    assert_eq!(count, 3, "items after an error pass through");
    assert_eq!(bench.stages(), ["count stream 0ms 0ms"]);

    let bench = Bench::new();
    in_request(&bench, || {
        let staged = pin!(stream::iter(second).try_in_stage("limited"));
        staged.count().now_or_never().unwrap();
        let ignored = stream::iter([Err::<(), _>("bad")]).in_stage("plain");
        ignored.count().now_or_never().unwrap();
    });
    assert_eq!(bench.stages(), ["limited timeout 0ms 0ms", "plain - 0ms 0ms"]);
}

#[test]
fn a_stream_that_is_dropped_or_panics_closes_its_stage() {
    let bench = Bench::new();
    in_request(&bench, || {
        let staged = stream::pending::<()>().in_stage("dropped");
        bench.time.advance(Duration::from_millis(5));
        drop(staged);

        let broken = stream::poll_fn(|_| panic!("oh no") as std::task::Poll<Option<()>>);
        let broken = broken.in_stage("panicked");
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| broken.count().now_or_never()));
        assert!(polled.is_err());
    });
    assert_eq!(bench.stages(), ["dropped - 5ms 5ms", "panicked panic 0ms 0ms"]);
}

#[tokio::test]
async fn a_staged_body_inside_a_served_one_gets_its_share() {
    let bench = Bench::new();
    let (first, second) = (bench.pass(10), bench.pass(20));
    let mut passes = Some((first, second));
    let handler = tower::service_fn(move |_| {
        let (first, second) = passes.take().unwrap();
        first();
        let body = ScriptedBody::new().data("a").run(second).data("b").in_stage("render");
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let response = bench.layer().layer(handler).oneshot(get()).await.unwrap();
    poll(response.into_body(), 2, || ());
    assert_eq!(bench.the_request(), "ok 200 - 30ms 2B");
    assert_eq!(bench.stages(), ["render - 20ms 20ms"]);
    assert_eq!(bench.unattributed(), 10);
}
