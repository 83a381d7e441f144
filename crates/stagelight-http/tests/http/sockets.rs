//! The table of the crate docs, "When a request ends", with a real axum server and clients.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{StatusCode, header::CONTENT_LENGTH},
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream};
use stagelight_core::catalog::{self, labels};
use stagelight_http::{HttpLayer, RequestId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::Fixture;

/// Serves the router on a free port until the test's runtime shuts down.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn serve_measured(fixture: &Fixture, router: Router) -> SocketAddr {
    serve(router.layer(HttpLayer::new(&fixture.engine).catch_panics())).await
}

/// Sends a request on a raw connection that closes after the response.
async fn send(address: SocketAddr, request_line: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{request_line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Sends a request on a raw connection, and reads the whole response.
async fn fetch(address: SocketAddr, request_line: &str) -> String {
    let mut response = String::new();
    send(address, request_line).await.read_to_string(&mut response).await.unwrap();
    response
}

/// A chunk every 20 ms.
fn slow_chunks(count: usize) -> Body {
    Body::from_stream(stream::iter(0..count).then(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(Bytes::from_static(b"data"))
    }))
}

#[tokio::test]
async fn a_body_of_exact_length_is_read_to_its_end() {
    let fixture = Fixture::in_real_time();
    let address =
        serve_measured(&fixture, Router::new().route("/", get(|| async { "hello" }))).await;
    assert!(fetch(address, "GET /").await.ends_with("\r\n\r\nhello"));
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, ["/ ok 200 - 5B"]);
}

#[tokio::test]
async fn a_stream_with_a_content_length_is_not_cancelled() {
    let fixture = Fixture::in_real_time();
    let handler = || async { ([(CONTENT_LENGTH, "12")], slow_chunks(3)) };
    let address = serve_measured(&fixture, Router::new().route("/", get(handler))).await;
    assert!(fetch(address, "GET /").await.ends_with("\r\n\r\ndatadatadata"));
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, ["/ ok 200 - 12B"]);
}

#[tokio::test]
async fn a_stream_lasts_to_its_last_chunk() {
    let fixture = Fixture::in_real_time();
    let router = Router::new().route("/", get(|| async { slow_chunks(5) }));
    let address = serve_measured(&fixture, router).await;
    let text = reqwest::get(format!("http://{address}/")).await.unwrap().text().await.unwrap();
    assert_eq!(text.len(), 20);
    fixture.ended(1).await;

    let (requests, time) = fixture.requests();
    assert_eq!(requests, ["/ ok 200 - 20B"]);
    assert!(time >= Duration::from_millis(100), "{time:?}");
    let span = fixture.spans.the("http.request").length;
    assert!(span >= Duration::from_millis(100) && span <= time + Duration::from_millis(20));
}

#[tokio::test]
async fn responses_without_a_body_are_ok() {
    for (request_line, status) in
        [("GET /empty", "200"), ("GET /none", "204"), ("HEAD /text", "200")]
    {
        let fixture = Fixture::in_real_time();
        let router = Router::new()
            .route("/empty", get(|| async {}))
            .route("/none", get(|| async { StatusCode::NO_CONTENT }))
            .route("/text", get(|| async { "hello" }));
        let address = serve_measured(&fixture, router).await;
        assert!(fetch(address, request_line).await.ends_with("\r\n\r\n"));
        fixture.ended(1).await;
        let path = request_line.split(' ').next_back().unwrap();
        assert_eq!(fixture.requests().0, [format!("{path} ok {status} - 0B")]);
    }
}

#[tokio::test]
async fn a_head_request_keeps_the_content_length_of_its_get() {
    let fixture = Fixture::in_real_time();
    let address =
        serve_measured(&fixture, Router::new().route("/", get(|| async { "hello" }))).await;
    assert!(fetch(address, "HEAD /").await.contains("content-length: 5\r\n"));
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_head_cancels() {
    let fixture = Fixture::in_real_time();
    let handler = || std::future::pending::<&'static str>();
    let address = serve_measured(&fixture, Router::new().route("/", get(handler))).await;
    let socket = send(address, "GET /").await;
    while fixture.active() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(socket);
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, ["/ cancelled - - 0B"]);
}

#[tokio::test]
async fn a_client_that_disconnects_in_mid_stream_cancels() {
    let fixture = Fixture::in_real_time();
    let router = Router::new().route("/", get(|| async { slow_chunks(usize::MAX) }));
    let address = serve_measured(&fixture, router).await;
    let mut response = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data");
    drop(response);
    fixture.ended(1).await;

    let (requests, time) = fixture.requests();
    assert!(requests[0].starts_with("/ cancelled 200 - "), "{requests:?}");
    assert!(time >= Duration::from_millis(20), "{time:?}");
}

#[tokio::test]
async fn a_body_error_is_an_error() {
    let fixture = Fixture::in_real_time();
    let handler = || async {
        let chunks = [Ok(Bytes::from_static(b"data")), Err(std::io::Error::other("reset"))];
        Body::from_stream(stream::iter(chunks))
    };
    let address = serve_measured(&fixture, Router::new().route("/", get(handler))).await;
    let response = reqwest::get(format!("http://{address}/")).await;
    // The server may or may not send the head.
    if let Ok(response) = response {
        assert!(response.text().await.is_err());
    }
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, ["/ error 200 body 4B"]);
}

#[tokio::test]
async fn a_caught_panic_responds_with_the_request_id() {
    let fixture = Fixture::in_real_time();
    let handler = || async { panic!("oh no") as &'static str };
    let address = serve_measured(&fixture, Router::new().route("/", get(handler))).await;
    let response = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(response.status(), 500);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let expected = format!(r#"{{"error":"internal server error","request_id":"{id}"}}"#);
    assert_eq!(response.text().await.unwrap(), expected);
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, [format!("/ panic 500 500 {}B", expected.len())]);
}

#[tokio::test]
async fn a_panic_is_recorded() {
    let fixture = Fixture::in_real_time();
    let router = Router::new().route("/", get(|| async { panic!("oh no") as &'static str }));
    let address = serve(router.layer(HttpLayer::new(&fixture.engine))).await;
    assert!(reqwest::get(format!("http://{address}/")).await.is_err());
    fixture.ended(1).await;
    assert_eq!(fixture.requests().0, ["/ panic - panic 0B"]);
}

#[tokio::test]
async fn request_and_response_bytes_are_counted() {
    let fixture = Fixture::in_real_time();
    let router = Router::new().route("/", post(|body: String| async move { body }));
    let address = serve_measured(&fixture, router).await;
    let client = reqwest::Client::new();
    let sent = client.post(format!("http://{address}/")).body("hello").send().await;
    assert_eq!(sent.unwrap().text().await.unwrap(), "hello");
    fixture.ended(1).await;
    let series = fixture.series(&catalog::HTTP_SERVER);
    assert_eq!(
        series[0].histogram(catalog::HTTP_SERVER_REQUEST_BODY_SIZE).unwrap().recorded_sum(),
        5
    );
    assert_eq!(
        series[0].histogram(catalog::HTTP_SERVER_RESPONSE_BODY_SIZE).unwrap().recorded_sum(),
        5
    );
}

#[tokio::test]
async fn the_endpoint_is_the_nested_route_template() {
    let fixture = Fixture::in_real_time();
    let users = Router::new().route("/users/{id}", get(|| async { "user" }));
    let router = Router::new().nest("/v1", users).fallback(|| async { StatusCode::NOT_FOUND });
    let address = serve_measured(&fixture, router).await;
    for (path, endpoint, route) in
        [("/v1/users/7", "/v1/users/{id}", "/v1/users/{id}"), ("/no/such/path", "unmatched", "")]
    {
        fetch(address, &format!("GET {path}")).await;
        let requests = fixture.series(&catalog::REQUEST);
        assert!(
            requests.iter().any(|it| it.value(labels::Endpoint::LABEL) == endpoint),
            "{requests:?}"
        );
        let series = fixture.series(&catalog::HTTP_SERVER);
        assert!(series.iter().any(|it| it.value(labels::HttpRoute::LABEL) == route), "{series:?}");
    }
    fixture.ended(2).await;
}

#[tokio::test]
async fn a_handler_can_extract_the_request_id() {
    let fixture = Fixture::in_real_time();
    let handler = |id: axum::Extension<RequestId>| async move { id.to_string() };
    let address = serve_measured(&fixture, Router::new().route("/", get(handler))).await;
    let client = reqwest::Client::new();
    let request = client.get(format!("http://{address}/")).header("x-request-id", "abc-1");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "abc-1");
    assert_eq!(response.text().await.unwrap(), "abc-1");
}
