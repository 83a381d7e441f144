//! Futures, streams and bodies as stages.

use std::{
    convert::Infallible,
    io,
    panic::AssertUnwindSafe,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{FutureExt as _, Stream as _, StreamExt as _, stream};
use http::Response;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use stagelight_http::{StageBodyExt, StageFutureExt, StageStreamExt, stage_span};
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Dropped, Fixture, get, poll};

#[track_caller]
fn check_body(body: impl FnOnce(&Fixture) -> ScriptedBody, polls: usize, expected: &str) {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = body(&fixture).map_err(BoxError::from).in_stage("render");
        poll(body, polls, fixture.pass(5))
    });
    assert_eq!(fixture.stages(), [expected]);
    assert!(fixture.spans.the("stage").is_closed);
}

#[test]
fn a_body_is_a_stage_to_its_last_frame() {
    let script = |fixture: &Fixture| ScriptedBody::new().run(fixture.pass(2)).data("a");
    check_body(script, 1, "render - 2ms 2ms");
}

#[test]
fn a_body_of_unknown_length_is_a_stage_to_its_none() {
    let script = |fixture: &Fixture| ScriptedBody::new().data("a").pending().run(fixture.pass(2));
    check_body(|fixture| script(fixture).hiding_its_end(), 9, "render - 2ms 2ms");
}

#[test]
fn a_dropped_body_is_a_stage_to_its_drop() {
    check_body(|_| ScriptedBody::new().data("a").data("b"), 1, "render - 5ms 5ms");
}

#[test]
fn an_empty_body_ends_its_stage_at_once() {
    check_body(|_| ScriptedBody::new(), 0, "render - 0ms 0ms");
}

#[test]
fn a_body_that_fails_is_a_stage_with_an_error() {
    let script = |fixture: &Fixture| ScriptedBody::new().run(fixture.pass(2)).error("reset");
    check_body(script, 9, "render body 2ms 2ms");
    let script = |_: &Fixture| ScriptedBody::new().error_caused_by("late", io::ErrorKind::TimedOut);
    check_body(script, 1, "render timeout 0ms 0ms");
}

#[test]
fn a_body_that_panics_is_a_stage_with_an_error() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = ScriptedBody::new().panic("oh no").in_stage("render");
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| poll(body, 1, || ())));
        assert_eq!(polled.unwrap_err().downcast_ref::<String>().unwrap(), "oh no");
    });
    assert_eq!(fixture.stages(), ["render panic 0ms 0ms"]);
}

#[test]
fn a_staged_body_forwards_size_and_end() {
    let body = ScriptedBody::new().data("abc").in_stage("render");
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(!body.is_end_stream());
    assert!(ScriptedBody::new().in_stage("render").is_end_stream());
}

#[test]
fn the_span_of_a_stage_is_as_long_as_its_body() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = ScriptedBody::new().pending().run(fixture.pass(210)).data("a").pending();
        poll(body.in_stage(stage_span!("render", template = "index")), 4, || ());
    });
    let span = fixture.spans.the("render");
    assert_eq!(span.length, Duration::from_millis(210));
    assert_eq!(span.field("template"), "index");
    assert_eq!(span.field("stage"), "render");
    assert_eq!(span.parent.as_deref(), Some("http.request"));
}

#[test]
fn any_span_with_a_stage_field_is_accepted() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let span = tracing::info_span!("mine", stage = "stream_processing", provider = "p");
        poll(ScriptedBody::new().run(fixture.pass(3)).data("a").in_stage(span), 1, || ());
    });
    assert_eq!(fixture.stages(), ["stream_processing - 3ms 3ms"]);
    assert_eq!(fixture.series(&stagelight_core::catalog::BACKEND).len(), 1);
}

#[test]
fn a_stream_is_a_stage_to_its_end() {
    let fixture = Fixture::new();
    let seen = fixture.in_request(|| {
        let mut pass = Some(fixture.pass(2));
        let items = stream::iter([1, 2, 3]).inspect(move |it| {
            if *it == 3 {
                pass.take().unwrap()();
            }
        });
        let staged = items.in_stage("count");
        assert_eq!(staged.size_hint(), (3, Some(3)));
        let seen = staged.collect::<Vec<_>>().now_or_never().unwrap();
        fixture.time.advance(Duration::from_millis(5));
        seen
    });
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(fixture.stages(), ["count - 2ms 2ms"]);
}

#[test]
fn a_stream_closes_its_stage_at_its_end() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let mut staged = pin!(stream::iter([1]).in_stage("count"));
        assert_eq!(staged.next().now_or_never().unwrap(), Some(1));
        assert!(!fixture.spans.the("stage").is_closed);
        assert_eq!(staged.next().now_or_never().unwrap(), None);
        assert!(fixture.spans.the("stage").is_closed);
    });
}

#[test]
fn an_unread_stream_is_dropped_inside_its_stage() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let held = Dropped(fixture.time.clone());
        drop(stream::iter([held]).in_stage("hold"));
    });
    assert_eq!(fixture.spans.the("dropped").parent.as_deref(), Some("stage"));
    assert_eq!(fixture.stages(), ["hold - 1ms 1ms"]);
}

#[test]
fn an_error_of_a_stream_counts_only_with_try_in_stage() {
    let items = [Ok(1), Err(io::Error::other("bad")), Ok(2)];
    let [first, second] = [items, [Ok(1), Err(io::ErrorKind::TimedOut.into()), Ok(2)]];

    let fixture = Fixture::new();
    let count = fixture.in_request(|| {
        let staged = stream::iter(first).try_in_stage("count");
        staged.count().now_or_never().unwrap()
    });
    assert_eq!(count, 3, "items after an error are passed on");
    assert_eq!(fixture.stages(), ["count stream 0ms 0ms"]);

    let fixture = Fixture::new();
    fixture.in_request(|| {
        let staged = pin!(stream::iter(second).try_in_stage("limited"));
        staged.count().now_or_never().unwrap();
        let ignored = stream::iter([Err::<(), _>("bad")]).in_stage("plain");
        ignored.count().now_or_never().unwrap();
    });
    assert_eq!(fixture.stages(), ["limited timeout 0ms 0ms", "plain - 0ms 0ms"]);
}

#[test]
fn a_dropped_or_panicked_stream_closes_its_stage() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let staged = stream::pending::<()>().in_stage("dropped");
        fixture.time.advance(Duration::from_millis(5));
        drop(staged);

        let broken = stream::poll_fn(|_| panic!("oh no") as Poll<Option<()>>);
        let broken = broken.in_stage("panicked");
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| broken.count().now_or_never()));
        assert!(polled.is_err());
    });
    assert_eq!(fixture.stages(), ["dropped - 5ms 5ms", "panicked panic 0ms 0ms"]);
}

/// Polls a future until it is ready, at most three times, and drops it 5 ms later.
#[track_caller]
fn check_future<F: Future>(fixture: &Fixture, staged: impl FnOnce() -> F, expected: &str) {
    fixture.in_request(|| {
        let mut staged = pin!(staged());
        let mut cx = Context::from_waker(Waker::noop());
        let polls = (0..3).find(|_| staged.as_mut().poll(&mut cx).is_ready());
        fixture.time.advance(Duration::from_millis(5));
        assert_eq!(fixture.spans.the("stage").is_closed, polls.is_some());
    });
    assert_eq!(fixture.stages(), [expected]);
    let span = fixture.spans.the("stage");
    assert_eq!((span.parent.as_deref(), span.is_closed), (Some("http.request"), true));
}

#[test]
fn a_future_is_a_stage_from_the_call_to_its_completion() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.pass(2), fixture.pass(3));
    let future = || async {
        first();
        tokio::task::yield_now().await;
        second();
    };
    let staged = || {
        let staged = future().in_stage("load");
        fixture.time.advance(Duration::from_millis(1));
        staged
    };
    check_future(&fixture, staged, "load - 6ms 6ms");
}

#[test]
fn a_dropped_future_is_a_stage_to_its_drop() {
    let fixture = Fixture::new();
    check_future(&fixture, || std::future::pending::<()>().in_stage("load"), "load - 5ms 5ms");
}

#[test]
fn a_dropped_fetch_has_no_ttfb() {
    let fixture = Fixture::new();
    let pending = || std::future::pending::<()>().in_stage("backend_fetch");
    check_future(&fixture, pending, "backend_fetch cancelled 5ms 5ms");
    assert!(fixture.series(&stagelight_core::catalog::BACKEND).is_empty());

    let fixture = Fixture::new();
    fixture.in_request(|| {
        let fetch = std::future::pending::<()>().in_stage(stage_span!("backend_fetch"));
        assert!(fetch.now_or_never().is_none());
    });
    assert_eq!(fixture.stages(), ["backend_fetch cancelled 0ms 0ms"]);
    assert!(fixture.series(&stagelight_core::catalog::BACKEND).is_empty());

    let fixture = Fixture::new();
    let fetched = || std::future::ready(()).in_stage("backend_fetch");
    check_future(&fixture, fetched, "backend_fetch - 0ms 0ms");
    assert_eq!(fixture.series(&stagelight_core::catalog::BACKEND).len(), 1);
}

#[test]
fn a_future_is_dropped_inside_its_stage() {
    for is_ready in [true, false] {
        let fixture = Fixture::new();
        let held = Dropped(fixture.time.clone());
        let future = std::future::poll_fn(move |_| {
            let _held = &held;
            if is_ready { Poll::Ready(()) } else { Poll::Pending }
        });
        let expected = if is_ready { "load - 1ms 1ms" } else { "load - 6ms 6ms" };
        check_future(&fixture, || future.in_stage("load"), expected);
        assert_eq!(fixture.spans.the("dropped").parent.as_deref(), Some("stage"));
    }
}

#[test]
fn an_error_of_a_future_counts_only_with_try_in_stage() {
    let late = || async { Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)) };
    let other = || async { Err::<(), _>("no such user") };
    let fixture = Fixture::new();
    check_future(&fixture, || late().try_in_stage("load"), "load timeout 0ms 0ms");
    let fixture = Fixture::new();
    check_future(&fixture, || other().try_in_stage("load"), "load _OTHER 0ms 0ms");
    assert_eq!(fixture.spans.the("stage").field("otel.status_code"), "ERROR");
    let fixture = Fixture::new();
    check_future(&fixture, || other().in_stage("load"), "load - 0ms 0ms");
    let fixture = Fixture::new();
    let ok = || async { Ok::<_, io::Error>(()) };
    check_future(&fixture, || ok().try_in_stage("load"), "load - 0ms 0ms");
}

#[test]
fn a_future_that_panics_is_a_stage_with_an_error() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let broken = async { panic!("oh no") as () }.in_stage("load");
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| broken.now_or_never()));
        assert_eq!(polled.unwrap_err().downcast_ref::<&str>(), Some(&"oh no"));
    });
    assert_eq!(fixture.stages(), ["load panic 0ms 0ms"]);
}

#[tokio::test]
async fn a_staged_body_inside_a_served_one_gets_its_share() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.pass(10), fixture.pass(20));
    let mut passes = Some((first, second));
    let handler = tower::service_fn(move |_| {
        let (first, second) = passes.take().unwrap();
        first();
        let body = ScriptedBody::new().data("a").run(second).data("b").in_stage("render");
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let response = fixture.layer().layer(handler).oneshot(get()).await.unwrap();
    poll(response.into_body(), 2, || ());
    assert_eq!(fixture.the_request(), "ok 200 - 30ms 2B");
    assert_eq!(fixture.stages(), ["render - 20ms 20ms"]);
    assert_eq!(fixture.unattributed(), 10);
}
