//! The table of the crate docs, "When a request ends", with scripted bodies.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    io,
    pin::pin,
    task::Poll,
    time::Duration,
};

use futures_util::poll as poll_once;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use stagelight_http::{StageBodyExt as _, stage_span};
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Dropped, Fixture, get, poll, respond};

/// Serves the response, polls its body `polls` times, and drops it 5 ms later.
async fn ends(
    fixture: &Fixture,
    request: Request<ScriptedBody>,
    response: Response<ScriptedBody>,
    polls: usize,
) -> String {
    let response = respond(fixture.layer(), request, response).await;
    poll(response.into_body(), polls, fixture.pass(5));
    fixture.the_request()
}

/// The same for a 200 to a GET request.
async fn body_ends(fixture: &Fixture, body: ScriptedBody, polls: usize) -> String {
    ends(fixture, get(), Response::new(body), polls).await
}

fn with_status(status: StatusCode) -> Response<ScriptedBody> {
    let mut response = Response::new(ScriptedBody::new().data("sorry"));
    *response.status_mut() = status;
    response
}

#[tokio::test]
async fn a_body_of_unknown_length_ends_with_none() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().run(fixture.pass(2)).data("ab").pending().run(fixture.pass(3));
    assert_eq!(body_ends(&fixture, body.hiding_its_end(), 9).await, "ok 200 - 5ms 2B");
}

#[tokio::test]
async fn a_body_that_knows_its_end_ends_with_its_last_frame() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).data("cde");
    assert_eq!(body_ends(&fixture, body, 2).await, "ok 200 - 2ms 5B");
}

#[tokio::test]
async fn a_body_that_knows_its_end_may_have_no_length() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().run(fixture.pass(2)).data("ab").hiding_its_size();
    assert_eq!(body_ends(&fixture, body, 1).await, "ok 200 - 2ms 2B");

    let fixture = Fixture::new();
    let body = ScriptedBody::new().hiding_its_size();
    assert_eq!(body_ends(&fixture, body, 0).await, "ok 200 - 0ms 0B");
}

#[tokio::test]
async fn a_body_of_exact_length_ends_with_its_last_byte() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).data("cde");
    let body = body.hiding_its_end().with_exact_size();
    assert_eq!(body_ends(&fixture, body, 2).await, "ok 200 - 2ms 5B");
}

#[tokio::test]
async fn a_content_length_ends_a_body_of_unknown_length() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).data("cde").hiding_its_end();
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
    assert_eq!(ends(&fixture, get(), response, 2).await, "ok 200 - 2ms 5B");
}

#[tokio::test]
async fn a_body_dropped_one_byte_early_is_cancelled() {
    let fixture = Fixture::new();
    let mut response = Response::new(ScriptedBody::new().data("abcd").hiding_its_end());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
    assert_eq!(ends(&fixture, get(), response, 1).await, "cancelled 200 - 5ms 4B");
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_an_error() {
    let expect = |method: Method, status, body: ScriptedBody, polls| async move {
        let fixture = Fixture::new();
        let mut request = get();
        *request.method_mut() = method;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        ends(&fixture, request, response, polls).await
    };
    let short = || ScriptedBody::new().data("abcd");
    let ok = StatusCode::OK;
    let hidden = short().hiding_its_end();
    assert_eq!(expect(Method::GET, ok, hidden, 9).await, "error 200 body 0ms 4B");
    assert_eq!(expect(Method::GET, ok, short(), 9).await, "error 200 body 0ms 4B");
    let trailers = short().trailers([("checksum", "1")]).hiding_its_end();
    assert_eq!(expect(Method::GET, ok, trailers, 9).await, "error 200 body 0ms 4B");
    let empty = ScriptedBody::new();
    assert_eq!(expect(Method::GET, ok, empty, 0).await, "error 200 body 0ms 0B");
    let whole = ScriptedBody::new().data("abcde").hiding_its_end();
    assert_eq!(expect(Method::GET, ok, whole, 9).await, "ok 200 - 0ms 5B");

    // No body follows these heads, whatever the length says.
    let empty = ScriptedBody::new;
    assert_eq!(expect(Method::HEAD, ok, empty(), 0).await, "ok 200 - 0ms 0B");
    assert_eq!(expect(Method::CONNECT, ok, empty(), 0).await, "ok 200 - 0ms 0B");
    for (status, code) in [
        (StatusCode::SWITCHING_PROTOCOLS, 101),
        (StatusCode::NO_CONTENT, 204),
        (StatusCode::NOT_MODIFIED, 304),
    ] {
        let expected = format!("ok {code} - 0ms 0B");
        assert_eq!(expect(Method::GET, status, empty(), 0).await, expected);
    }
}

#[tokio::test]
async fn trailers_end_the_body() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).trailers([("grpc-status", "0")]);
    assert_eq!(body_ends(&fixture, body.hiding_its_end(), 2).await, "ok 200 - 2ms 2B");
}

#[tokio::test]
async fn an_empty_body_ends_with_the_head() {
    let fixture = Fixture::new();
    assert_eq!(body_ends(&fixture, ScriptedBody::new(), 0).await, "ok 200 - 0ms 0B");

    let fixture = Fixture::new();
    let body = ScriptedBody::new().hiding_its_end().with_exact_size();
    assert_eq!(body_ends(&fixture, body, 0).await, "ok 200 - 0ms 0B");
}

#[tokio::test]
async fn a_response_to_head_ends_with_the_head() {
    let fixture = Fixture::new();
    let mut request = get();
    *request.method_mut() = Method::HEAD;
    let response = Response::new(ScriptedBody::new().data("not sent"));
    assert_eq!(ends(&fixture, request, response, 0).await, "ok 200 - 0ms 0B");
}

#[tokio::test]
async fn a_status_without_a_body_ends_with_the_head() {
    for (status, expected) in [
        (StatusCode::NO_CONTENT, "ok 204 - 0ms 0B"),
        (StatusCode::NOT_MODIFIED, "ok 304 - 0ms 0B"),
        (StatusCode::SWITCHING_PROTOCOLS, "ok 101 - 0ms 0B"),
    ] {
        let fixture = Fixture::new();
        assert_eq!(ends(&fixture, get(), with_status(status), 0).await, expected);
    }
}

#[tokio::test]
async fn the_status_decides_the_outcome() {
    for (status, expected) in [
        (StatusCode::NOT_FOUND, "ok 404 - 0ms 5B"),
        (StatusCode::INTERNAL_SERVER_ERROR, "error 500 500 0ms 5B"),
        (StatusCode::SERVICE_UNAVAILABLE, "error 503 503 0ms 5B"),
        (StatusCode::GATEWAY_TIMEOUT, "timeout 504 504 0ms 5B"),
        (StatusCode::REQUEST_TIMEOUT, "timeout 408 timeout 0ms 5B"),
    ] {
        let fixture = Fixture::new();
        assert_eq!(ends(&fixture, get(), with_status(status), 1).await, expected);
    }
}

#[tokio::test]
async fn a_body_error_ends_the_request() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).error("reset").data("more");
    assert_eq!(body_ends(&fixture, body, 9).await, "error 200 body 2ms 2B");
}

#[tokio::test]
async fn a_timed_out_body_is_a_timeout() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").error_caused_by("late", io::ErrorKind::TimedOut);
    let response = Response::new(body.map_err(BoxError::from));
    let response = respond(fixture.layer(), get(), response).await;
    poll(response.into_body(), 2, || ());
    assert_eq!(fixture.the_request(), "timeout 200 timeout 0ms 2B");
}

#[tokio::test]
async fn dropping_the_body_before_its_end_cancels() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").data("cde").hiding_its_end();
    assert_eq!(body_ends(&fixture, body, 1).await, "cancelled 200 - 5ms 2B");
}

#[tokio::test]
async fn a_cancelled_5xx_keeps_its_error_type() {
    let fixture = Fixture::new();
    let response = with_status(StatusCode::BAD_GATEWAY);
    assert_eq!(ends(&fixture, get(), response, 0).await, "cancelled 502 502 5ms 0B");
}

#[tokio::test]
async fn dropping_the_response_future_cancels() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|_| {
        let stage = stage_span!("auth_validation");
        async move {
            let _stage = stage;
            pending::<Result<Response<ScriptedBody>, Infallible>>().await
        }
    });
    {
        let mut response = pin!(fixture.layer().layer(handler).oneshot(get()));
        assert!(poll_once!(response.as_mut()).is_pending());
        assert_eq!(fixture.active(), 1);
        fixture.time.advance(Duration::from_millis(7));
    }
    assert_eq!(fixture.the_request(), "cancelled - - 7ms 0B");
    assert_eq!(fixture.stages(), ["auth_validation - 7ms 7ms"]);
}

#[tokio::test]
async fn a_stage_in_a_dropped_body_closes_before_its_request() {
    let handler = tower::service_fn(|_| {
        let body = ScriptedBody::new().data("ab").pending().hiding_its_end();
        std::future::ready(Ok::<_, Infallible>(Response::new(body.in_stage("render"))))
    });
    let fixture = Fixture::new();
    let response = fixture.layer().layer(handler).oneshot(get()).await.unwrap();
    assert_eq!(poll(response.into_body(), 2, fixture.pass(5)), ["2B", "."]);
    assert_eq!(fixture.the_request(), "cancelled 200 - 5ms 2B");
    assert_eq!(fixture.stages(), ["render - 5ms 5ms"]);
}

#[tokio::test]
async fn an_unread_body_is_dropped_inside_the_request_span() {
    let fixture = Fixture::new();
    let held = Dropped(fixture.time.clone());
    let body = ScriptedBody::new().data("a").run(move || drop(held)).data("b");
    assert_eq!(body_ends(&fixture, body, 1).await, "cancelled 200 - 6ms 1B");
    assert_eq!(fixture.spans.the("dropped").parent.as_deref(), Some("http.request"));
}

#[tokio::test]
async fn a_handler_future_is_dropped_inside_the_request_span() {
    for is_ready in [true, false] {
        let fixture = Fixture::new();
        let mut held = Some(Dropped(fixture.time.clone()));
        let handler = tower::service_fn(move |_| {
            let held = held.take();
            poll_fn(move |_| match (is_ready, &held) {
                (true, _) => Poll::Ready(Ok::<_, Infallible>(Response::new(ScriptedBody::new()))),
                (false, _) => Poll::Pending,
            })
        });
        {
            let mut response = pin!(fixture.layer().layer(handler).oneshot(get()));
            assert_eq!(poll_once!(response.as_mut()).is_ready(), is_ready);
        }
        let expected = if is_ready { "ok 200 - 1ms 0B" } else { "cancelled - - 1ms 0B" };
        assert_eq!(fixture.the_request(), expected);
        assert_eq!(fixture.spans.the("dropped").parent.as_deref(), Some("http.request"));
    }
}

#[tokio::test]
async fn a_stage_that_outlives_its_request_keeps_its_own_duration() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|_| {
        let mut response = Response::new(ScriptedBody::new());
        response.extensions_mut().insert(stage_span!("background"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response = fixture.layer().layer(handler).oneshot(get()).await.unwrap();
    fixture.time.advance(Duration::from_millis(9));
    drop(response);
    assert_eq!(fixture.the_request(), "ok 200 - 0ms 0B");
    assert_eq!(fixture.stages(), ["background - 9ms 0ms"]);
}

#[tokio::test]
async fn an_error_of_the_inner_service_ends_the_request() {
    for (error, expected) in [
        (BoxError::from("no capacity"), "error - service 3ms 0B"),
        (Box::new(io::Error::from(io::ErrorKind::TimedOut)), "timeout - timeout 3ms 0B"),
    ] {
        let fixture = Fixture::new();
        let mut error = Some(error);
        let wait = fixture.pass(3);
        let mut wait = Some(wait);
        let handler = tower::service_fn(move |_| {
            wait.take().unwrap()();
            std::future::ready(Err::<Response<ScriptedBody>, _>(error.take().unwrap()))
        });
        let given = fixture.layer().layer(handler).oneshot(get()).await.unwrap_err();
        assert!(["no capacity", "timed out"].contains(&given.to_string().as_str()), "{given}");
        assert_eq!(fixture.the_request(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_timeout_layer_is_a_timeout() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|_| pending::<Result<Response<ScriptedBody>, Infallible>>());
    let limited = tower::timeout::Timeout::new(handler, Duration::from_secs(1));
    let error = fixture.layer().layer(limited).oneshot(get()).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>());
    assert_eq!(fixture.the_request(), "timeout - timeout 0ms 0B");
}

#[tokio::test]
async fn only_the_bytes_read_from_the_request_count() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|request: Request<_>| async {
        poll(request.into_body(), 2, || ());
        Ok::<_, Infallible>(Response::new(ScriptedBody::new()))
    });
    let request = Request::new(ScriptedBody::new().data("ab").data("cde").data("fghi"));
    drop(fixture.layer().layer(handler).oneshot(request).await.unwrap());

    let series = fixture.series(&stagelight_core::catalog::HTTP_SERVER);
    assert_eq!(
        series[0]
            .histogram(stagelight_core::catalog::HTTP_SERVER_REQUEST_BODY_SIZE)
            .unwrap()
            .recorded_sum(),
        5
    );
}

#[tokio::test]
async fn size_and_end_of_both_bodies_are_forwarded() {
    let fixture = Fixture::new();
    let handler =
        tower::service_fn(|request: Request<stagelight_http::RequestBody<ScriptedBody>>| {
            assert_eq!(request.body().size_hint().exact(), Some(3));
            assert!(!request.body().is_end_stream());
            let response = Response::new(ScriptedBody::new().data("ab"));
            std::future::ready(Ok::<_, Infallible>(response))
        });
    let request = Request::new(ScriptedBody::new().data("abc"));
    let response = fixture.layer().layer(handler).oneshot(request).await.unwrap();

    let mut body = pin!(response.into_body());
    assert_eq!(body.size_hint().exact(), Some(2));
    assert!(!body.is_end_stream());
    poll(body.as_mut(), 1, || ());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn a_stream_of_210_ms_lasts_210_ms_in_the_metric_and_in_its_span() {
    let fixture = Fixture::new();
    let body = (0..21).fold(ScriptedBody::new(), |body, _| {
        body.pending().run(fixture.pass(10)).data("data: x\n\n")
    });
    assert_eq!(body_ends(&fixture, body.hiding_its_end(), 99).await, "ok 200 - 210ms 189B");

    let span = fixture.spans.the("http.request");
    assert_eq!(span.length, Duration::from_millis(210));
    assert!(span.is_closed);
}
