//! Calls with reqwest to a real server.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use stagelight_core::catalog::{self, labels};
use stagelight_http::{HttpLayer, client::HttpClientLayer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use crate::{
    sockets::serve,
    support::{Fixture, SpanNames},
};

/// Fails, after writing an event.
#[derive(Debug)]
struct FailingResolver;

impl reqwest::dns::Resolve for FailingResolver {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        tracing::info!(target: "resolving", "seen");
        Box::pin(std::future::ready(Err("no such name".into())))
    }
}

fn chunks() -> Body {
    Body::from_stream(stream::iter(0..3).then(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(Bytes::from_static(b"data"))
    }))
}

fn upstream() -> Router {
    Router::new()
        .route("/text", get(|| async { ([("x-kept", "yes")], "hello") }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                chunks()
            }),
        )
        .route(
            "/headers",
            get(|headers: HeaderMap| async move {
                headers
                    .get("traceparent")
                    .map(|it| it.to_str().unwrap().to_owned())
                    .unwrap_or_default()
            }),
        )
        .route("/busy", get(|| async { StatusCode::TOO_MANY_REQUESTS }))
        .route("/never", get(std::future::pending::<&'static str>))
        .route(
            "/stuck",
            get(|| async {
                let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"data"))]);
                Body::from_stream(first.chain(stream::pending()))
            }),
        )
}

/// Returns the ended calls as `status error.type`.
fn ended(fixture: &Fixture) -> Vec<String> {
    let calls = fixture.series(&catalog::HTTP_CLIENT);
    let written = calls.iter().map(|it| {
        let [status, error] = [labels::HttpResponseStatusCode::LABEL, labels::ErrorType::LABEL]
            .map(|label| if it.value(label).is_empty() { "-" } else { it.value(label) });
        format!("{status} {error}")
    });
    written.collect()
}

/// Responds to one request with these bytes, and closes the connection.
async fn serve_bytes(response: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket.write_all(response.as_bytes()).await.unwrap();
    });
    address
}

#[tokio::test]
async fn the_response_is_the_same_as_from_reqwest() {
    let fixture = Fixture::in_real_time();
    let address = serve(upstream()).await;
    let client = reqwest::Client::new();
    let url = format!("http://{address}/text?key=1");
    let response = fixture.backend().send(client.get(&url)).await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.url().as_str(), url);
    assert_eq!(response.headers()["x-kept"], "yes");
    assert_eq!(response.content_length(), Some(5));
    assert_eq!(response.remote_addr(), Some(address));
    assert_eq!(response.text().await.unwrap(), "hello");
    assert_eq!(ended(&fixture), ["200 -"]);
}

#[tokio::test]
async fn fetch_and_stream_do_not_overlap() {
    let fixture = Fixture::in_real_time();
    let address = serve(upstream()).await;
    let client = reqwest::Client::new();
    let backend = fixture.backend();
    let gateway = Router::new().route(
        "/",
        get(move || async move {
            let response =
                backend.send(client.get(format!("http://{address}/slow"))).await.unwrap();
            Body::from_stream(response.bytes_stream())
        }),
    );
    let gateway = serve(gateway.layer(HttpLayer::new(&fixture.engine))).await;

    let text = reqwest::get(format!("http://{gateway}/")).await.unwrap().text().await.unwrap();
    assert_eq!(text, "datadatadata");
    fixture.ended(1).await;

    let backends = fixture.series(&catalog::BACKEND);
    assert_eq!(backends[0].value(labels::Endpoint::LABEL), "/");
    let [fetch, stream] = [catalog::BACKEND_TTFB, catalog::STREAMING_DURATION]
        .map(|it| backends[0].histogram(it).unwrap().recorded_sum());
    assert!(fetch >= 30_000_000, "{fetch}");
    assert!(stream >= 60_000_000, "{stream}");

    // The shares add up to the request.
    let stages = fixture.series(&catalog::STAGE);
    let shares: u64 = stages
        .iter()
        .map(|it| it.histogram(catalog::REQUEST_STAGE_SHARE).unwrap().recorded_sum())
        .sum();
    assert_eq!(u128::from(shares), fixture.requests().1.as_nanos());
    for name in ["backend_fetch", "stream_processing"] {
        assert_eq!(fixture.spans.the(name).parent.as_deref(), Some("http.request"));
    }
    let stream = fixture.spans.the("stream_processing");
    assert!(stream.length >= Duration::from_millis(60));
    assert_eq!(stream.beside, ["http.request"], "the fetch ends before the stream begins");
}

#[tokio::test]
async fn the_backend_receives_the_trace_context_of_the_fetch() {
    let fixture = Fixture::in_real_time();
    assert!(fixture.engine.set_propagator(Arc::new(SpanNames)));
    let address = serve(upstream()).await;
    let client = reqwest::Client::new();
    let request = client.get(format!("http://{address}/headers"));
    let response = fixture.backend().send(request).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "backend_fetch");
}

#[tokio::test]
async fn the_request_is_sent_inside_the_fetch() {
    let fixture = Fixture::in_real_time();
    let client = reqwest::Client::builder().dns_resolver(FailingResolver).build().unwrap();
    let error = fixture.backend().send(client.get("http://backend.invalid/")).await.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(fixture.spans.the("resolving").parent.as_deref(), Some("backend_fetch"));
}

#[tokio::test]
async fn an_error_status_is_returned_and_counted() {
    let fixture = Fixture::in_real_time();
    let address = serve(upstream()).await;
    let client = reqwest::Client::new();
    let response =
        fixture.backend().send(client.get(format!("http://{address}/busy"))).await.unwrap();
    assert_eq!(response.status(), 429);
    drop(response);
    assert_eq!(ended(&fixture), ["429 429"]);
    assert_eq!(fixture.spans.the("backend_fetch").field("error.type"), "429");
}

#[tokio::test]
async fn failures_are_classified() {
    let address = serve(upstream()).await;
    let limit = Duration::from_millis(50);
    let client = reqwest::Client::builder().timeout(limit).build().unwrap();

    let fixture = Fixture::in_real_time();
    let request = client.get(format!("http://{address}/never"));
    assert!(fixture.backend().send(request).await.unwrap_err().is_timeout());
    assert_eq!(ended(&fixture), ["- timeout"]);
    assert_eq!(fixture.spans.the("backend_fetch").field("error.type"), "timeout");

    let fixture = Fixture::in_real_time();
    let request = reqwest::Client::new().get(format!("http://{address}/never"));
    assert!(tokio::time::timeout(limit, fixture.backend().send(request)).await.is_err());
    assert_eq!(ended(&fixture), ["- cancelled"]);
    assert_eq!(fixture.spans.the("backend_fetch").field("error.type"), "cancelled");

    let fixture = Fixture::in_real_time();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let request = client.get(format!("http://{closed}/"));
    assert!(fixture.backend().send(request).await.unwrap_err().is_connect());
    assert_eq!(ended(&fixture), ["- connect"]);

    let fixture = Fixture::in_real_time();
    let address = serve_bytes("this is not HTTP\r\n\r\n").await;
    assert!(fixture.backend().send(client.get(format!("http://{address}/"))).await.is_err());
    assert_eq!(ended(&fixture), ["- request"]);
}

#[tokio::test]
async fn errors_of_hyper_util_and_tonic_are_classified_like_reqwests() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for host in [closed.to_string(), "no-such-host.invalid:80".to_owned()] {
        let url = format!("http://{host}/");
        let fixture = Fixture::in_real_time();
        let executor = hyper_util::rt::TokioExecutor::new();
        let client = hyper_util::client::legacy::Client::builder(executor).build_http();
        let client = HttpClientLayer::new(fixture.backend()).layer(client);
        let request = http::Request::get(&url).body(http_body_util::Empty::<Bytes>::new()).unwrap();
        assert!(client.oneshot(request).await.unwrap_err().is_connect());
        assert_eq!(ended(&fixture), ["- connect"]);

        let fixture = Fixture::in_real_time();
        let channel = tonic::transport::Endpoint::from_shared(url.clone()).unwrap().connect_lazy();
        let client = HttpClientLayer::new(fixture.backend()).layer(channel);
        let request = http::Request::post(&url).body(tonic::body::Body::empty()).unwrap();
        assert!(client.oneshot(request).await.is_err());
        assert_eq!(ended(&fixture), ["- connect"]);
    }

    // A server that accepts the connection and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let fixture = Fixture::in_real_time();
    let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).unwrap();
    let channel = endpoint.timeout(Duration::from_millis(50)).connect_lazy();
    let client = HttpClientLayer::new(fixture.backend()).layer(channel);
    let request = http::Request::post(&url).body(tonic::body::Body::empty()).unwrap();
    assert!(client.oneshot(request).await.is_err());
    assert_eq!(ended(&fixture), ["- timeout"]);
}

#[tokio::test]
async fn a_timed_out_or_broken_body_is_an_error_of_the_stream() {
    let address = serve(upstream()).await;
    let limit = Duration::from_millis(50);
    let client = reqwest::Client::builder().timeout(limit).build().unwrap();

    let fixture = Fixture::in_real_time();
    let response =
        fixture.backend().send(client.get(format!("http://{address}/stuck"))).await.unwrap();
    assert!(response.bytes().await.unwrap_err().is_timeout(), "the error is unchanged");
    assert_eq!(ended(&fixture), ["200 timeout"]);
    assert_eq!(fixture.spans.the("stream_processing").field("error.type"), "timeout");

    let fixture = Fixture::in_real_time();
    let address = serve_bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let response = fixture.backend().send(client.get(format!("http://{address}/"))).await.unwrap();
    assert!(response.bytes().await.is_err());
    assert_eq!(ended(&fixture), ["200 body"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_built_is_not_measured() {
    let fixture = Fixture::in_real_time();
    let request = reqwest::Client::new().get("not a url");
    assert!(fixture.backend().send(request).await.unwrap_err().is_builder());
    assert!(ended(&fixture).is_empty());
}
