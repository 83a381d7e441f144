//! Calls to backends: two stages, one metric, the caller's trace; on scripted bodies.

use std::{
    future::{pending, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::poll as poll_once;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use stagelight_core::{Propagator, catalog, catalog::Label};
use stagelight_http::client::{Answer, Call, Exchange, HttpClientLayer};
use stagelight_testing::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;
use tracing::Span;

use crate::support::{Bench, poll};

/// Writes the name of the span that it is given.
#[derive(Debug)]
struct Names;

impl Propagator for Names {
    fn adopt(&self, _: &Span, _: &dyn Fn(&str) -> Option<String>) {}

    fn inject(&self, span: &Span, set: &mut dyn FnMut(&str, String)) {
        set("traceparent", span.metadata().unwrap().name().to_owned());
    }
}

/// Runs `work` within a request.
fn in_request<R>(bench: &Bench, work: impl FnOnce() -> R) -> R {
    let mut request = bench.engine.start_request("/x");
    let span = request.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
    let result = span.in_scope(work);
    request.end(stagelight_core::Outcome::Ok);
    result
}

fn begin(bench: &Bench) -> Exchange {
    let uri = Uri::from_static("https://user:pass@api.example.com/v1/chat?key=secret");
    let call = Call::backend("openai", "small").with_engine(&bench.engine);
    call.begin(&mut HeaderMap::new(), &Method::POST, &uri)
}

/// A call whose head arrives after 4 ms.
fn answered(bench: &Bench, status: StatusCode) -> Answer {
    let exchange = begin(bench);
    bench.time.advance(Duration::from_millis(4));
    exchange.head(status, Version::HTTP_2)
}

#[track_caller]
fn check(body: impl FnOnce(&Bench) -> ScriptedBody, polls: usize, stages: [&str; 2], call: &str) {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = body(&bench).map_err(BoxError::from);
        poll(answered(&bench, StatusCode::OK).body(body), polls, bench.pass(5));
    });
    assert_eq!(bench.stages(), stages);
    assert_eq!(bench.calls(), [call]);
}

#[test]
fn a_call_is_two_stages_and_ends_with_the_last_byte() {
    check(
        |bench| ScriptedBody::new().data("ab").pending().run(bench.pass(6)).data("c"),
        3,
        ["backend_fetch - 4ms 4ms", "stream_processing - 6ms 6ms"],
        "POST api.example.com 443 200 - 10ms",
    );
}

#[test]
fn a_body_that_hides_its_end_ends_when_nothing_more_comes() {
    check(
        |bench| ScriptedBody::new().data("ab").run(bench.pass(6)).hiding_its_end(),
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
fn a_body_that_is_not_read_to_its_end_is_recorded_without_an_error() {
    check(
        |_| ScriptedBody::new().data("ab").data("c"),
        1,
        ["backend_fetch - 4ms 4ms", "stream_processing - 5ms 5ms"],
        "POST api.example.com 443 200 - 9ms",
    );
}

#[test]
fn a_body_that_breaks_off_is_an_error_of_the_stream() {
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
        let bench = Bench::new();
        in_request(&bench, || {
            poll(answered(&bench, status).body(ScriptedBody::new().data("a")), 1, || ());
        });
        let stages =
            [format!("backend_fetch {code} 4ms 4ms"), "stream_processing - 0ms 0ms".into()];
        assert_eq!(bench.stages(), stages);
        assert_eq!(bench.calls(), [format!("POST api.example.com 443 {code} {code} 4ms")]);
        assert_eq!(bench.spans.the("backend_fetch").field("otel.status_code"), "ERROR");
    }
}

#[test]
fn a_call_that_is_dropped_before_the_head_is_recorded_without_an_error() {
    let bench = Bench::new();
    in_request(&bench, || {
        let exchange = begin(&bench);
        bench.time.advance(Duration::from_millis(4));
        drop(exchange);
    });
    assert_eq!(bench.stages(), ["backend_fetch - 4ms 4ms"]);
    assert_eq!(bench.calls(), ["POST api.example.com 443 - - 4ms"]);
}

#[test]
fn an_answer_that_is_dropped_ends_both() {
    let bench = Bench::new();
    in_request(&bench, || drop(answered(&bench, StatusCode::OK)));
    assert_eq!(bench.stages(), ["backend_fetch - 4ms 4ms", "stream_processing - 0ms 0ms"]);
    assert_eq!(bench.calls(), ["POST api.example.com 443 200 - 4ms"]);
}

#[test]
fn a_call_may_fail_for_a_reason_of_the_callers_own() {
    let bench = Bench::new();
    in_request(&bench, || begin(&bench).fail("circuit_open"));
    assert_eq!(bench.stages(), ["backend_fetch circuit_open 0ms 0ms"]);
    assert_eq!(bench.calls(), ["POST api.example.com 443 - circuit_open 0ms"]);
}

#[test]
fn both_stages_carry_provider_and_model() {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = ScriptedBody::new().run(bench.pass(6)).data("c");
        poll(answered(&bench, StatusCode::OK).body(body), 1, || ());
    });
    let backends = bench.series(&catalog::BACKEND);
    assert_eq!(backends.len(), 1);
    assert_eq!(backends[0].value(Label::Provider), "openai");
    assert_eq!(backends[0].value(Label::Model), "small");
    assert_eq!(backends[0].histogram(0).unwrap().recorded_sum(), 4_000_000);
    assert_eq!(backends[0].histogram(1).unwrap().recorded_sum(), 6_000_000);
}

#[test]
fn the_spans_are_siblings_and_tell_no_secrets() {
    let bench = Bench::new();
    in_request(&bench, || {
        let body = ScriptedBody::new().pending().run(bench.pass(6)).data("c");
        poll(answered(&bench, StatusCode::OK).body(body), 2, || ());
    });
    let fetch = bench.spans.the("backend_fetch");
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
    let stream = bench.spans.the("stream_processing");
    assert_eq!(stream.length, Duration::from_millis(6));
    assert_eq!(stream.beside, ["http.request"], "the fetch is over before the stream begins");
    for span in [fetch, stream] {
        assert_eq!(span.parent.as_deref(), Some("http.request"));
        assert!(span.is_closed);
    }
}

#[test]
fn the_stream_belongs_where_the_call_began() {
    let bench = Bench::new();
    let exchange = in_request(&bench, || begin(&bench));
    drop(exchange.head(StatusCode::OK, Version::HTTP_11));
    let stream = bench.spans.the("stream_processing");
    assert_eq!(stream.parent.as_deref(), Some("http.request"));
}

#[test]
fn the_request_carries_the_context_of_its_fetch() {
    let bench = Bench::new();
    assert!(bench.engine.set_propagator(Arc::new(Names)));
    let mut headers = HeaderMap::new();
    let call = Call::backend("openai", "small").with_engine(&bench.engine);
    drop(call.begin(&mut headers, &Method::GET, &Uri::from_static("http://localhost:1/")));
    assert_eq!(headers["traceparent"], "backend_fetch");
}

#[test]
fn a_call_without_an_engine_still_has_its_spans() {
    let bench = Bench::new();
    let mut headers = HeaderMap::new();
    let uri = Uri::from_static("http://localhost:1/");
    drop(Call::backend("openai", "small").begin(&mut headers, &Method::GET, &uri));
    assert!(headers.is_empty());
    assert!(bench.calls().is_empty());
    assert!(bench.spans.the("backend_fetch").is_closed);
}

fn layer(bench: &Bench) -> HttpClientLayer {
    HttpClientLayer::new(Call::backend("openai", "small").with_engine(&bench.engine))
}

fn to_backend() -> Request<ScriptedBody> {
    let mut request = Request::new(ScriptedBody::new());
    *request.uri_mut() = Uri::from_static("http://localhost:8080/v1");
    request
}

#[tokio::test]
async fn the_layer_measures_a_tower_client() {
    let bench = Bench::new();
    assert!(bench.engine.set_propagator(Arc::new(Names)));
    let mut wait = Some(bench.pass(4));
    let body = ScriptedBody::new().run(bench.pass(6)).data("ab");
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
    let response = layer(&bench).layer(client).oneshot(to_backend()).await.unwrap();
    assert!(bench.spans.the("backend_fetch").is_closed, "it ended with the head");
    poll(response.into_body(), 1, || ());
    assert_eq!(bench.calls(), ["GET localhost 8080 200 - 10ms"]);
    assert!(bench.spans.the("stream_processing").beside.is_empty());
}

#[tokio::test]
async fn a_request_may_bring_a_call_of_its_own() {
    let bench = Bench::new();
    let client = tower::service_fn(|_| {
        std::future::ready(Ok::<_, BoxError>(Response::new(ScriptedBody::new())))
    });
    let mut request = to_backend();
    request.extensions_mut().insert(Call::backend("other", "large").with_engine(&bench.engine));
    drop(layer(&bench).layer(client).oneshot(request).await.unwrap());
    assert_eq!(bench.spans.the("backend_fetch").field("provider"), "other");
    assert_eq!(bench.spans.the("stream_processing").field("model"), "large");
}

#[tokio::test]
async fn the_layer_tells_failures_apart() {
    for (kind, expected) in [
        (io::ErrorKind::ConnectionRefused, "GET localhost 8080 - connect 0ms"),
        (io::ErrorKind::TimedOut, "GET localhost 8080 - timeout 0ms"),
        (io::ErrorKind::BrokenPipe, "GET localhost 8080 - request 0ms"),
    ] {
        let bench = Bench::new();
        let client = tower::service_fn(move |_| {
            std::future::ready(Err::<Response<ScriptedBody>, _>(io::Error::from(kind)))
        });
        let error = layer(&bench).layer(client).oneshot(to_backend()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(bench.calls(), [expected]);
    }
}

#[tokio::test]
async fn the_layer_ends_a_call_that_nobody_waits_for() {
    let bench = Bench::new();
    let client = tower::service_fn(|_| pending::<Result<Response<ScriptedBody>, BoxError>>());
    {
        let mut response = pin!(layer(&bench).layer(client).oneshot(to_backend()));
        assert!(poll_once!(response.as_mut()).is_pending());
        bench.time.advance(Duration::from_millis(7));
    }
    assert_eq!(bench.calls(), ["GET localhost 8080 - - 7ms"]);
}
