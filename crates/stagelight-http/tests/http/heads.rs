//! Request heads decide labels and ids; response heads get headers.

use std::convert::Infallible;

use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use stagelight_core::{
    Engine,
    catalog::{self, labels},
};
use stagelight_http::{HttpLayer, RequestBody, RequestId};
use testbed::ScriptedBody;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use crate::support::{Fixture, get, poll, respond};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Serves the request, and returns the labels of its series as `name=value …`.
async fn labels(fixture: &Fixture, layer: HttpLayer, request: Request<ScriptedBody>) -> String {
    drop(respond(layer, request, Response::new(ScriptedBody::new())).await);
    let series = fixture.series(&catalog::HTTP_SERVER);
    assert_eq!(series.len(), 1);
    let labels = series[0].labels().map(|(label, value)| format!("{}={value}", label.otel_name));
    labels.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn metrics_carry_the_attributes_of_the_conventions() {
    let fixture = Fixture::new();
    let mut request = get();
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = "https://example.com/a/raw/path?query".parse().unwrap();
    assert_eq!(
        labels(&fixture, fixture.layer(), request).await,
        "http.request.method=POST url.scheme=https http.response.status_code=200 http.route=/x \
         network.protocol.version=2"
    );
}

#[tokio::test]
async fn unknown_methods_and_schemes_do_not_become_labels() {
    let fixture = Fixture::new();
    let mut request = get();
    *request.method_mut() = Method::from_bytes(b"BREW").unwrap();
    *request.uri_mut() = "gopher://example.com/".parse().unwrap();
    assert_eq!(
        labels(&fixture, fixture.layer(), request).await,
        "http.request.method=_OTHER url.scheme=http http.response.status_code=200 http.route=/x \
         network.protocol.version=1.1"
    );
    assert_eq!(fixture.spans.the("http.request").field("otel.name"), "HTTP /x");
    assert_eq!(fixture.spans.the("http.request").field("http.request.method_original"), "BREW");
}

#[tokio::test]
async fn https_sets_the_default_scheme() {
    let fixture = Fixture::new();
    let labels = labels(&fixture, fixture.layer().https(), get()).await;
    assert!(labels.contains("url.scheme=https"), "{labels}");
    assert_eq!(fixture.active(), 0);
}

#[tokio::test]
async fn a_request_without_a_route_is_unmatched() {
    for layer in [HttpLayer::new, |engine: &Engine| HttpLayer::new(engine).route(|_| "")] {
        let fixture = Fixture::new();
        let labels = labels(&fixture, layer(&fixture.engine), get()).await;
        assert!(!labels.contains("http.route"), "{labels}");

        let requests = fixture.series(&catalog::REQUEST);
        assert_eq!(requests[0].value(labels::Endpoint::LABEL), "unmatched");
        assert_eq!(fixture.spans.the("http.request").field("otel.name"), "GET");
    }
}

#[tokio::test]
async fn a_function_can_name_the_route() {
    let fixture = Fixture::new();
    let layer = HttpLayer::new(&fixture.engine)
        .route(|request| format!("{} files", request.method.as_str()));
    drop(respond(layer, get(), Response::new(ScriptedBody::new())).await);
    assert_eq!(fixture.series(&catalog::REQUEST)[0].value(labels::Endpoint::LABEL), "GET files");
}

#[tokio::test]
async fn the_callers_request_id_reaches_handler_and_response() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|request: Request<RequestBody<ScriptedBody>>| {
        let id = request.extensions().get::<RequestId>().unwrap();
        assert_eq!(id.as_str(), "abc-1");
        let mut response = Response::new(ScriptedBody::new());
        // As passed on by a proxy from its upstream. The caller's id wins.
        response.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("other"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut request = get();
    request.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("abc-1"));
    let response = fixture.layer().layer(handler).oneshot(request).await.unwrap();

    assert_eq!(response.headers()[REQUEST_ID], "abc-1");
    assert_eq!(response.headers().get_all(REQUEST_ID).iter().count(), 1);
    assert_eq!(fixture.spans.the("http.request").field("request_id"), "abc-1");
}

#[tokio::test]
async fn a_bad_request_id_is_replaced_everywhere() {
    let fixture = Fixture::new();
    let handler = tower::service_fn(|request: Request<RequestBody<ScriptedBody>>| {
        let id = request.extensions().get::<RequestId>().unwrap();
        assert_eq!(request.headers()[REQUEST_ID], id.as_str());
        std::future::ready(Ok::<_, Infallible>(Response::new(ScriptedBody::new())))
    });
    let mut request = get();
    request.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("not ok"));
    let response = fixture.layer().layer(handler).oneshot(request).await.unwrap();

    let id = response.headers()[REQUEST_ID].to_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(fixture.spans.the("http.request").field("request_id"), id);
}

#[tokio::test]
async fn the_response_time_header_is_optional() {
    for is_on in [true, false] {
        let fixture = Fixture::new();
        let wait = fixture.pass(12);
        let mut wait = Some(wait);
        let handler = tower::service_fn(move |_| {
            wait.take().unwrap()();
            std::future::ready(Ok::<_, Infallible>(Response::new(ScriptedBody::new())))
        });
        let layer = if is_on { fixture.layer().response_time_header() } else { fixture.layer() };
        let response = layer.layer(handler).oneshot(get()).await.unwrap();
        let time = response.headers().get("x-response-time").map(|it| it.to_str().unwrap());
        assert_eq!(time, is_on.then_some("12.000ms"));
    }
}

#[tokio::test]
async fn the_access_log_is_one_event_inside_the_request_span() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().run(fixture.pass(30)).data("abc");
    let mut request = Request::new(ScriptedBody::new().data("q"));
    request.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("abc-1"));
    let response = respond(fixture.layer().access_log(), request, Response::new(body)).await;
    assert!(fixture.spans.all().iter().all(|it| it.name != "stagelight::access"));
    poll(response.into_body(), 1, || ());

    let line = fixture.spans.the("stagelight::access");
    assert_eq!(line.parent.as_deref(), Some("http.request"));
    let fields = line.fields.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(
        fields.collect::<Vec<_>>().join(" "),
        "duration_ms=30.0 endpoint=/x message=request ended method=GET outcome=ok request_bytes=0 \
         request_id=abc-1 response_bytes=3 status=200 ttfb_ms=0.0"
    );
}

#[tokio::test]
async fn the_access_log_is_off_by_default() {
    let fixture = Fixture::new();
    drop(respond(fixture.layer(), get(), Response::new(ScriptedBody::new())).await);
    assert!(fixture.spans.all().iter().all(|it| it.name != "stagelight::access"));
}
