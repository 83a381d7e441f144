//! Calls to backends with scripted bodies: their stages, metric and trace context.

use std::{future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::poll as poll_once;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use stagelight_core::{catalog, catalog::labels};
use stagelight_http::client::{Backend, ClientRequest, ClientResponse, HttpClientLayer};
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;
use tracing::Span;

use crate::support::{Dropped, Fixture, SpanNames, poll};

fn start(fixture: &Fixture) -> ClientRequest {
    let uri = Uri::from_static("https://user:pass@api.example.com/v1/chat?key=secret");
    fixture.backend().start(&mut HeaderMap::new(), &Method::POST, &uri)
}

/// A call with a response head after 4 ms.
fn responded(fixture: &Fixture, status: StatusCode) -> ClientResponse {
    let request = start(fixture);
    fixture.time.advance(Duration::from_millis(4));
    request.response_head(status, Version::HTTP_2)
}

#[track_caller]
fn check(body: impl FnOnce(&Fixture) -> ScriptedBody, polls: usize, stages: [&str; 2], call: &str) {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = body(&fixture).map_err(BoxError::from);
        poll(responded(&fixture, StatusCode::OK).body(body), polls, fixture.pass(5));
    });
    assert_eq!(fixture.stages(), stages);
    assert_eq!(fixture.calls(), [call]);
}

#[test]
fn a_call_is_two_stages_and_ends_with_the_last_byte() {
    check(
        |fixture| ScriptedBody::new().data("ab").pending().run(fixture.pass(6)).data("c"),
        3,
        ["backend_fetch - 4ms 4ms", "stream_processing - 6ms 6ms"],
        "POST api.example.com 443 200 - 10ms",
    );
}

#[test]
fn a_body_of_unknown_length_ends_with_none() {
    check(
        |fixture| ScriptedBody::new().data("ab").run(fixture.pass(6)).hiding_its_end(),
        9,
        ["backend_fetch - 4ms 4ms", "stream_processing - 6ms 6ms"],
        "POST api.example.com 443 200 - 10ms",
    );
}

#[test]
fn an_empty_body_ends_with_the_head() {
    check(
        |_| ScriptedBody::new(),
        0,
        ["backend_fetch - 4ms 4ms", "stream_processing - 0ms 0ms"],
        "POST api.example.com 443 200 - 4ms",
    );
}

#[test]
fn a_body_dropped_early_is_not_an_error() {
    check(
        |_| ScriptedBody::new().data("ab").data("c"),
        1,
        ["backend_fetch - 4ms 4ms", "stream_processing - 5ms 5ms"],
        "POST api.example.com 443 200 - 9ms",
    );
}

#[test]
fn a_body_error_is_an_error_of_the_stream() {
    check(
        |_| ScriptedBody::new().data("ab").error("reset"),
        9,
        ["backend_fetch - 4ms 4ms", "stream_processing body 0ms 0ms"],
        "POST api.example.com 443 200 body 4ms",
    );
    check(
        |_| ScriptedBody::new().error_caused_by("late", io::ErrorKind::TimedOut),
        9,
        ["backend_fetch - 4ms 4ms", "stream_processing timeout 0ms 0ms"],
        "POST api.example.com 443 200 timeout 4ms",
    );
}

#[test]
fn an_error_status_is_an_error_of_the_fetch() {
    for (status, code) in [(StatusCode::TOO_MANY_REQUESTS, "429"), (StatusCode::BAD_GATEWAY, "502")]
    {
        let fixture = Fixture::new();
        fixture.in_request(|| {
            poll(responded(&fixture, status).body(ScriptedBody::new().data("a")), 1, || ());
        });
        let stages =
            [format!("backend_fetch {code} 4ms 4ms"), "stream_processing - 0ms 0ms".into()];
        assert_eq!(fixture.stages(), stages);
        assert_eq!(fixture.calls(), [format!("POST api.example.com 443 {code} {code} 4ms")]);
        assert_eq!(fixture.spans.the("backend_fetch").field("otel.status_code"), "ERROR");
    }
}

#[test]
fn a_call_dropped_before_the_head_is_cancelled() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let request = start(&fixture);
        fixture.time.advance(Duration::from_millis(4));
        drop(request);
    });
    assert_eq!(fixture.stages(), ["backend_fetch cancelled 4ms 4ms"]);
    assert_eq!(fixture.calls(), ["POST api.example.com 443 - cancelled 4ms"]);
    assert_eq!(fixture.spans.the("backend_fetch").field("otel.status_code"), "ERROR");
    assert!(fixture.series(&catalog::BACKEND).is_empty());
}

#[test]
fn only_a_call_with_a_response_head_has_a_ttfb() {
    for (end, has_ttfb) in [
        ((|it| it.fail("connect")) as fn(ClientRequest), false),
        (|it| it.fail("timeout"), false),
        (drop, false),
        (|it| drop(it.response_head(StatusCode::OK, Version::HTTP_11)), true),
        (|it| drop(it.response_head(StatusCode::SERVICE_UNAVAILABLE, Version::HTTP_11)), true),
    ] {
        let fixture = Fixture::new();
        fixture.in_request(|| {
            let request = start(&fixture);
            fixture.time.advance(Duration::from_millis(4));
            end(request);
        });
        let backends = fixture.series(&catalog::BACKEND);
        let ttfb = backends.first().and_then(|it| it.histogram(catalog::BACKEND_TTFB));
        assert_eq!(ttfb.map_or(0, |it| it.count()), u64::from(has_ttfb));
    }
}

/// The body of a response to `HEAD` over HTTP/2: empty, with the length of the body for `GET`.
struct LengthOnly;

impl http_body::Body for LengthOnly {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<bytes::Bytes>>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(5)
    }
}

#[test]
fn only_a_response_with_a_body_can_be_cut_short() {
    for (method, expected) in [
        (Method::GET, "GET localhost 1 200 body 0ms"),
        (Method::HEAD, "HEAD localhost 1 200 - 0ms"),
    ] {
        let fixture = Fixture::new();
        let uri = Uri::from_static("http://localhost:1/");
        let request = fixture.backend().start(&mut HeaderMap::new(), &method, &uri);
        poll(request.response_head(StatusCode::OK, Version::HTTP_2).body(LengthOnly), 1, || ());
        assert_eq!(fixture.calls(), [expected]);
    }
}

#[test]
fn a_dropped_response_ends_the_call() {
    let fixture = Fixture::new();
    fixture.in_request(|| drop(responded(&fixture, StatusCode::OK)));
    assert_eq!(fixture.stages(), ["backend_fetch - 4ms 4ms", "stream_processing - 0ms 0ms"]);
    assert_eq!(fixture.calls(), ["POST api.example.com 443 200 - 4ms"]);
}

#[test]
fn a_call_can_fail_with_a_custom_error_type() {
    let fixture = Fixture::new();
    fixture.in_request(|| start(&fixture).fail("circuit_open"));
    assert_eq!(fixture.stages(), ["backend_fetch circuit_open 0ms 0ms"]);
    assert_eq!(fixture.calls(), ["POST api.example.com 443 - circuit_open 0ms"]);
}

#[test]
fn both_stages_carry_provider_and_model() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = ScriptedBody::new().run(fixture.pass(6)).data("c");
        poll(responded(&fixture, StatusCode::OK).body(body), 1, || ());
    });
    let backends = fixture.series(&catalog::BACKEND);
    assert_eq!(backends.len(), 1);
    assert_eq!(backends[0].value(labels::Provider::LABEL), "openai");
    assert_eq!(backends[0].value(labels::Model::LABEL), "small");
    assert_eq!(backends[0].histogram(catalog::BACKEND_TTFB).unwrap().recorded_sum(), 4_000_000);
    assert_eq!(
        backends[0].histogram(catalog::STREAMING_DURATION).unwrap().recorded_sum(),
        6_000_000
    );
}

#[test]
fn the_spans_are_siblings_and_hold_no_secrets() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let body = ScriptedBody::new().pending().run(fixture.pass(6)).data("c");
        poll(responded(&fixture, StatusCode::OK).body(body), 2, || ());
    });
    let fetch = fixture.spans.the("backend_fetch");
    let fields = fetch.fields.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(
        fields.collect::<Vec<_>>(),
        [
            "http.request.method=POST",
            "http.response.status_code=200",
            "model=small",
            "network.protocol.version=2",
            "otel.kind=client",
            "provider=openai",
            "server.address=api.example.com",
            "server.port=443",
            "stage=backend_fetch",
            "url.full=https://api.example.com/v1/chat",
        ]
    );
    let stream = fixture.spans.the("stream_processing");
    assert_eq!(stream.length, Duration::from_millis(6));
    assert_eq!(stream.beside, ["http.request"], "the fetch ends before the stream begins");
    for span in [fetch, stream] {
        assert_eq!(span.parent.as_deref(), Some("http.request"));
        assert!(span.is_closed);
    }
}

#[test]
fn the_stream_has_the_parent_of_the_call() {
    let fixture = Fixture::new();
    let request = fixture.in_request(|| start(&fixture));
    drop(request.response_head(StatusCode::OK, Version::HTTP_11));
    let stream = fixture.spans.the("stream_processing");
    assert_eq!(stream.parent.as_deref(), Some("http.request"));
}

#[test]
fn the_request_carries_the_trace_context_of_the_fetch() {
    let fixture = Fixture::new();
    assert!(fixture.engine.set_propagator(Arc::new(SpanNames)));
    let mut headers = HeaderMap::new();
    let uri = Uri::from_static("http://localhost:1/");
    drop(fixture.backend().start(&mut headers, &Method::GET, &uri));
    assert_eq!(headers["traceparent"], "backend_fetch");
}

#[test]
fn a_call_without_an_engine_has_spans() {
    let fixture = Fixture::new();
    let mut headers = HeaderMap::new();
    let uri = Uri::from_static("http://localhost:1/");
    drop(Backend::new("openai").model("small").start(&mut headers, &Method::GET, &uri));
    assert!(headers.is_empty());
    assert!(fixture.calls().is_empty());
    assert!(fixture.spans.the("backend_fetch").is_closed);
}

fn layer(fixture: &Fixture) -> HttpClientLayer {
    HttpClientLayer::new(fixture.backend())
}

fn to_backend() -> Request<ScriptedBody> {
    let mut request = Request::new(ScriptedBody::new());
    *request.uri_mut() = Uri::from_static("http://localhost:8080/v1");
    request
}

#[tokio::test]
async fn the_layer_measures_a_tower_client() {
    let fixture = Fixture::new();
    assert!(fixture.engine.set_propagator(Arc::new(SpanNames)));
    let mut wait = Some(fixture.pass(4));
    let body = ScriptedBody::new().run(fixture.pass(6)).data("ab");
    let mut response = Some(Response::new(body));
    let client = tower::service_fn(move |request: Request<ScriptedBody>| {
        assert_eq!(request.headers()["traceparent"], "backend_fetch");
        wait.take().unwrap()();
        let mut response = response.take();
        let held = Span::current();
        poll_fn(move |_| {
            assert!(!held.is_none());
            Poll::Ready(Ok::<_, BoxError>(response.take().unwrap()))
        })
    });
    let response = layer(&fixture).layer(client).oneshot(to_backend()).await.unwrap();
    assert!(fixture.spans.the("backend_fetch").is_closed, "it ended with the head");
    poll(response.into_body(), 1, || ());
    assert_eq!(fixture.calls(), ["GET localhost 8080 200 - 10ms"]);
    assert!(fixture.spans.the("stream_processing").beside.is_empty());
}

#[tokio::test]
async fn a_request_can_name_its_own_backend() {
    let fixture = Fixture::new();
    let client = tower::service_fn(|_| {
        std::future::ready(Ok::<_, BoxError>(Response::new(ScriptedBody::new())))
    });
    let mut request = to_backend();
    request.extensions_mut().insert(Backend::new("other").model("large").engine(&fixture.engine));
    drop(layer(&fixture).layer(client).oneshot(request).await.unwrap());
    assert_eq!(fixture.spans.the("backend_fetch").field("provider"), "other");
    assert_eq!(fixture.spans.the("stream_processing").field("model"), "large");
}

#[tokio::test]
async fn the_layer_classifies_failures() {
    for (kind, expected) in [
        (io::ErrorKind::ConnectionRefused, "GET localhost 8080 - connect 0ms"),
        (io::ErrorKind::TimedOut, "GET localhost 8080 - timeout 0ms"),
        (io::ErrorKind::BrokenPipe, "GET localhost 8080 - request 0ms"),
    ] {
        let fixture = Fixture::new();
        let client = tower::service_fn(move |_| {
            std::future::ready(Err::<Response<ScriptedBody>, _>(io::Error::from(kind)))
        });
        let error = layer(&fixture).layer(client).oneshot(to_backend()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(fixture.calls(), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_outside_of_the_layer_cancels_the_call() {
    let fixture = Fixture::new();
    let client =
        tower::service_fn(|_| std::future::pending::<Result<Response<ScriptedBody>, BoxError>>());
    let client =
        tower::timeout::Timeout::new(layer(&fixture).layer(client), Duration::from_secs(1));
    let error = client.oneshot(to_backend()).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>());
    assert_eq!(fixture.calls(), ["GET localhost 8080 - cancelled 0ms"]);
}

#[tokio::test]
async fn dropping_the_response_future_ends_the_call() {
    let fixture = Fixture::new();
    let mut held = Some(Dropped(fixture.time.clone()));
    let client = tower::service_fn(move |_| {
        let held = held.take();
        poll_fn(move |_| {
            let _held = &held;
            Poll::<Result<Response<ScriptedBody>, BoxError>>::Pending
        })
    });
    {
        let mut response = pin!(layer(&fixture).layer(client).oneshot(to_backend()));
        assert!(poll_once!(response.as_mut()).is_pending());
        fixture.time.advance(Duration::from_millis(7));
    }
    assert_eq!(fixture.calls(), ["GET localhost 8080 - cancelled 8ms"]);
    assert_eq!(fixture.spans.the("dropped").parent.as_deref(), Some("backend_fetch"));
}
