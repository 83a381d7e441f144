//! The status of gRPC calls, on both sides.

use std::{future::pending, pin::pin, time::Duration};

use futures_util::poll as poll_once;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use stagelight_http::client::HttpClientLayer;
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Fixture, get, poll, respond};

fn grpc(body: ScriptedBody) -> Response<ScriptedBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Returns a message followed by a status in trailers.
fn with_trailers(code: &'static str) -> Response<ScriptedBody> {
    grpc(ScriptedBody::new().data("ab").trailers([("grpc-status", code)]))
}

/// Returns a status in the head.
fn only_trailers(code: &'static str) -> Response<ScriptedBody> {
    let mut response = grpc(ScriptedBody::new());
    response.headers_mut().insert("grpc-status", HeaderValue::from_static(code));
    response
}

async fn served(response: Response<ScriptedBody>) -> String {
    served_to(get(), response).await
}

async fn served_to(request: Request<ScriptedBody>, response: Response<ScriptedBody>) -> String {
    let fixture = Fixture::new();
    let response = respond(fixture.layer(), request, response).await;
    poll(response.into_body(), 9, fixture.pass(5));
    fixture.the_request()
}

#[tokio::test]
async fn a_server_reads_the_status_from_trailers() {
    for (code, expected) in [
        ("0", "ok 200 - 0ms 2B"),
        ("1", "cancelled 200 - 0ms 2B"),
        ("2", "error 200 UNKNOWN 0ms 2B"),
        ("4", "timeout 200 DEADLINE_EXCEEDED 0ms 2B"),
        ("5", "ok 200 - 0ms 2B"),
        ("14", "error 200 UNAVAILABLE 0ms 2B"),
        ("99", "error 200 UNKNOWN 0ms 2B"),
    ] {
        assert_eq!(served(with_trailers(code)).await, expected);
    }
}

#[tokio::test]
async fn a_server_reads_the_status_from_a_head_without_a_body() {
    for (code, expected) in [
        ("0", "ok 200 - 0ms 0B"),
        ("3", "ok 200 - 0ms 0B"),
        ("12", "error 200 UNIMPLEMENTED 0ms 0B"),
        ("4", "timeout 200 DEADLINE_EXCEEDED 0ms 0B"),
    ] {
        assert_eq!(served(only_trailers(code)).await, expected);
    }
}

/// Returns responses that end without a status.
fn without_status() -> [Response<ScriptedBody>; 3] {
    let message = || ScriptedBody::new().data("ab");
    [message(), message().hiding_its_end(), message().trailers([("x", "y")])].map(grpc)
}

#[tokio::test]
async fn a_response_without_a_status_is_unknown_to_a_server() {
    for response in without_status() {
        assert_eq!(served(response).await, "error 200 UNKNOWN 0ms 2B");
    }
    assert_eq!(served(grpc(ScriptedBody::new())).await, "error 200 UNKNOWN 0ms 0B");
}

#[tokio::test]
async fn a_response_that_cannot_have_a_status_is_no_error() {
    let mut request = get();
    *request.method_mut() = Method::HEAD;
    assert_eq!(served_to(request, grpc(ScriptedBody::new())).await, "ok 200 - 0ms 0B");

    for (status, expected) in
        [(StatusCode::NO_CONTENT, "ok 204 - 0ms 0B"), (StatusCode::NOT_FOUND, "ok 404 - 0ms 0B")]
    {
        let mut response = grpc(ScriptedBody::new());
        *response.status_mut() = status;
        assert_eq!(served(response).await, expected);
    }
}

#[tokio::test]
async fn a_status_of_another_content_type_means_nothing() {
    for content_type in ["text/plain", "application/grpc-web+proto"] {
        for mut response in [with_trailers("14"), only_trailers("14")] {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert!(served(response).await.starts_with("ok 200 - "), "{content_type}");
        }
    }
}

#[tokio::test]
async fn a_response_of_grpc_web_ends_with_its_content_length() {
    let fixture = Fixture::new();
    let mut response = grpc(ScriptedBody::new().data("ab").hiding_its_end());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc-web+proto"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("2"));
    let response = respond(fixture.layer(), get(), response).await;
    poll(response.into_body(), 1, fixture.pass(5));
    assert_eq!(fixture.the_request(), "ok 200 - 0ms 2B");
}

#[tokio::test]
async fn a_broken_body_is_an_error_whatever_the_status() {
    let response = grpc(ScriptedBody::new().data("ab").error("reset"));
    assert_eq!(served(response).await, "error 200 body 0ms 2B");
}

#[tokio::test]
async fn a_call_dropped_after_the_clients_time_limit_timed_out() {
    const GRPC: &str = "application/grpc";
    for (waited, limit, version, content_type, expected) in [
        (100, "100m", Version::HTTP_2, GRPC, "timeout - DEADLINE_EXCEEDED 100ms 0B"),
        (50, "100m", Version::HTTP_2, GRPC, "cancelled - - 50ms 0B"),
        (100, "x", Version::HTTP_2, GRPC, "cancelled - - 100ms 0B"),
        (100, "100m", Version::HTTP_11, GRPC, "cancelled - - 100ms 0B"),
        (100, "100m", Version::HTTP_2, "application/json", "cancelled - - 100ms 0B"),
    ] {
        let fixture = Fixture::new();
        let mut request = get();
        *request.version_mut() = version;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert("grpc-timeout", HeaderValue::from_static(limit));
        let handler = tower::service_fn(|_| pending::<Result<Response<ScriptedBody>, BoxError>>());
        {
            let mut response = pin!(fixture.layer().layer(handler).oneshot(request));
            assert!(poll_once!(response.as_mut()).is_pending());
            fixture.time.advance(Duration::from_millis(waited));
        }
        assert_eq!(fixture.the_request(), expected);
    }
}

/// Returns the stages and the call that gets this response.
async fn called(response: Response<ScriptedBody>) -> (Vec<String>, String) {
    let fixture = Fixture::new();
    let mut response = Some(response);
    let client = tower::service_fn(move |_: Request<ScriptedBody>| {
        std::future::ready(Ok::<_, BoxError>(response.take().expect("one request")))
    });
    let mut request = get();
    *request.uri_mut() = http::Uri::from_static("http://backend:50051/pkg.Service/Method");
    let mut running = fixture.engine.start_request("/x");
    let span = running.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
    let client = HttpClientLayer::new(fixture.backend()).layer(client);
    let call = tracing::Instrument::instrument(client.oneshot(request), span);
    poll(call.await.unwrap().into_body(), 9, || ());
    running.end(stagelight_core::Outcome::Ok);
    (fixture.stages(), fixture.calls().concat())
}

#[tokio::test]
async fn every_status_but_ok_is_an_error_of_a_call() {
    for (code, name) in
        [("0", "-"), ("1", "CANCELLED"), ("4", "DEADLINE_EXCEEDED"), ("5", "NOT_FOUND")]
    {
        let (stages, call) = called(with_trailers(code)).await;
        let stream = format!("stream_processing {name} 0ms 0ms");
        assert_eq!(stages, ["backend_fetch - 0ms 0ms".to_owned(), stream]);
        assert_eq!(call, format!("GET backend 50051 200 {name} 0ms"));

        let (stages, call) = called(only_trailers(code)).await;
        let fetch = format!("backend_fetch {name} 0ms 0ms");
        assert_eq!(stages, [fetch, "stream_processing - 0ms 0ms".to_owned()]);
        assert_eq!(call, format!("GET backend 50051 200 {name} 0ms"));
    }
}

#[tokio::test]
async fn a_response_without_a_status_is_unknown_to_a_client() {
    for response in without_status() {
        let (stages, call) = called(response).await;
        assert_eq!(stages, ["backend_fetch - 0ms 0ms", "stream_processing UNKNOWN 0ms 0ms"]);
        assert_eq!(call, "GET backend 50051 200 UNKNOWN 0ms");
    }
}
