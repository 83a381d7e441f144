//! The request's span: its fields, its parent, and the code that runs inside it.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Request, Response, StatusCode};
use stagelight_core::Propagator;
use stagelight_http::RequestBody;
use stagelight_testing::ScriptedBody;
use tower::ServiceExt as _;
use tower_layer::Layer as _;
use tracing::{Span, field::Empty};

use crate::support::{Fixture, get, poll, respond};

/// Writes an event with the trace headers.
#[derive(Debug)]
struct Headers;

impl Propagator for Headers {
    fn adopt(&self, span: &Span, header: &dyn Fn(&str) -> Option<String>) {
        let caller = header("traceparent").unwrap_or_default();
        let state = header("tracestate").unwrap_or_default();
        tracing::info!(target: "adopted", span = span.metadata().unwrap().name(), caller, state);
    }

    fn inject(&self, _: &Span, _: &mut dyn FnMut(&str, String)) {}
}

#[tokio::test]
async fn the_span_has_the_fields_of_the_conventions() {
    let fixture = Fixture::new();
    let mut request = get();
    *request.uri_mut() = "/users/7?token=secret".parse().unwrap();
    request.headers_mut().insert("host", HeaderValue::from_static("api.example.com:8080"));
    request.headers_mut().insert("user-agent", HeaderValue::from_static("curl/8"));
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("abc-1"));
    let mut response = Response::new(ScriptedBody::new());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    drop(respond(fixture.layer(), request, response).await);

    let span = fixture.spans.the("http.request");
    let fields = span.fields.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(
        fields.collect::<Vec<_>>(),
        [
            "error.type=502",
            "http.request.method=GET",
            "http.response.status_code=502",
            "http.route=/x",
            "network.protocol.version=1.1",
            "otel.kind=server",
            "otel.name=GET /x",
            "otel.status_code=ERROR",
            "outcome=error",
            "request_id=abc-1",
            "server.address=api.example.com",
            "server.port=8080",
            "stagelight.endpoint=/x",
            "url.path=/users/7",
            "url.scheme=http",
            "user_agent.original=curl/8",
        ]
    );
    assert!(span.is_closed);
}

#[tokio::test]
async fn success_and_client_errors_leave_the_span_status_unset() {
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        let fixture = Fixture::new();
        let mut response = Response::new(ScriptedBody::new());
        *response.status_mut() = status;
        drop(respond(fixture.layer(), get(), response).await);

        let span = fixture.spans.the("http.request");
        assert_eq!(span.field("outcome"), "ok");
        assert!(!span.fields.contains_key("otel.status_code"), "{status}");
        assert!(!span.fields.contains_key("error.type"), "{status}");
    }
}

#[tokio::test]
async fn a_cancelled_request_is_not_an_error() {
    let fixture = Fixture::new();
    drop(respond(fixture.layer(), get(), Response::new(ScriptedBody::new().data("a"))).await);
    let span = fixture.spans.the("http.request");
    assert_eq!(span.field("outcome"), "cancelled");
    assert!(!span.fields.contains_key("otel.status_code"));
    assert!(span.is_closed);
}

#[tokio::test]
async fn handler_and_body_run_inside_the_span() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|_: Request<RequestBody<ScriptedBody>>| {
        tracing::info!(target: "in call", "seen");
        async {
            tracing::info!(target: "in future", "seen");
            let body =
                ScriptedBody::new().run(|| tracing::info!(target: "in body", "seen")).data("a");
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let response = fixture.layer().layer(handler).oneshot(get()).await.unwrap();
    poll(response.into_body(), 1, || ());
    for place in ["in call", "in future", "in body"] {
        assert_eq!(fixture.spans.the(place).parent.as_deref(), Some("http.request"), "{place}");
    }
}

#[tokio::test]
async fn the_span_closes_at_the_last_byte() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("a");
    let response = respond(fixture.layer(), get(), Response::new(body)).await;
    poll(response.into_body(), 1, || assert!(fixture.spans.the("http.request").is_closed));
}

#[tokio::test]
async fn the_remote_trace_is_adopted_before_the_span_is_entered() {
    let fixture = Fixture::new();
    assert!(fixture.engine.set_propagator(Arc::new(Headers)));
    let mut request = get();
    let headers = request.headers_mut();
    headers.insert("traceparent", HeaderValue::from_static("00-1-2-01"));
    headers.insert("tracestate", HeaderValue::from_static("a=1"));
    headers.append("tracestate", HeaderValue::from_static("b=2"));
    drop(respond(fixture.layer(), request, Response::new(ScriptedBody::new())).await);

    let adopted = fixture.spans.the("adopted");
    assert_eq!(adopted.parent, None);
    assert_eq!(adopted.field("span"), "http.request");
    assert_eq!(adopted.field("caller"), "00-1-2-01");
    assert_eq!(adopted.field("state"), "a=1,b=2");
}

#[tokio::test]
async fn stages_of_the_handler_belong_to_the_request() {
    let fixture = Fixture::new();
    let pass = fixture.pass(4);
    let mut pass = Some(pass);
    let handler = tower::service_fn(move |_| {
        let stage = tracing::info_span!("parse", stage = "request_parsing", error.type = Empty);
        stage.in_scope(|| pass.take().unwrap()());
        std::future::ready(Ok::<_, Infallible>(Response::new(ScriptedBody::new())))
    });
    drop(fixture.layer().layer(handler).oneshot(get()).await.unwrap());
    assert_eq!(fixture.the_request(), "ok 200 - 4ms 0B");
    assert_eq!(fixture.stages(), ["request_parsing - 4ms 4ms"]);
}
