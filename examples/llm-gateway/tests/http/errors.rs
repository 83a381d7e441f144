//! What the gateway answers when it cannot give a completion.

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{KEY, MODEL, ask, chat, client, free_port, gateway, post, until, upstream};

/// Sends `request`, checks that the answer is an error in OpenAI's shape, and returns its headers.
async fn check(
    request: RequestBuilder,
    status: u16,
    [kind, param, code]: [Option<&str>; 3],
    message: &str,
) -> HeaderMap {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/json");
    let headers = response.headers().clone();
    let body: Value = response.json().await.unwrap();
    let error = json!({"message": message, "type": kind, "param": param, "code": code});
    assert_eq!(body, json!({"error": error}));
    headers
}

const INVALID: Option<&str> = Some("invalid_request_error");

#[tokio::test]
async fn without_a_valid_key_nothing_is_served() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let shape = [INVALID, None, Some("invalid_api_key")];

    let message = "no API key given; send it as `Authorization: Bearer KEY`";
    let headers = check(post(&gateway.url(), "", &ask(json!({}))), 401, shape, message).await;
    assert_eq!(headers["www-authenticate"], "Bearer");
    check(client().get(format!("{}/v1/models", gateway.url())), 401, shape, message).await;
    let basic = client().get(format!("{}/v1/models", gateway.url())).basic_auth(KEY, None::<&str>);
    check(basic, 401, shape, message).await;

    let request = post(&gateway.url(), "", &ask(json!({}))).bearer_auth("another-key");
    check(request, 401, shape, "the API key given is not valid").await;
}

#[tokio::test]
async fn a_caller_that_is_refused_can_use_its_connection_again() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let mut socket = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\
                expect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    // It is told to go on when the gateway asks for the body.
    let mut started = [0; 12];
    socket.read_exact(&mut started).await.unwrap();
    assert_eq!(&started, b"HTTP/1.1 100");

    socket.write_all(b"{}").await.unwrap();
    let next = b"GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    socket.write_all(next).await.unwrap();

    let mut answers = String::new();
    socket.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_bad_request_is_told_which_field() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let request = chat(&gateway, "", &ask(json!({"temperature": 3})));
    let shape = [INVALID, Some("temperature"), Some("invalid_value")];
    check(request, 400, shape, "`temperature` must be from 0 to 2").await;

    let request = chat(&gateway, "", &json!({})).body("{");
    let message = "the body is not valid: EOF while parsing an object at line 1 column 1";
    check(request, 400, [INVALID, None, Some("invalid_value")], message).await;
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let request = chat(&gateway, "", &ask(json!({"model": "other"})));
    let shape = [INVALID, Some("model"), Some("model_not_found")];
    let message = "the model \"other\" does not exist; GET /v1/models lists those that do";
    check(request, 404, shape, message).await;
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_the_same_shape() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let request = client().get(format!("{}/v1/embeddings", gateway.url()));
    let message = "nothing is served here; there are /v1/chat/completions, /v1/models and /healthz";
    check(request, 404, [INVALID, None, Some("unknown_url")], message).await;

    let request = client().get(format!("{}/v1/chat/completions", gateway.url()));
    let shape = [INVALID, None, Some("method_not_supported")];
    check(request, 405, shape, "this path does not take that method").await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let shape = [INVALID, None, Some("request_too_large")];
    for length in [10_001, 70_000] {
        let request = chat(&gateway, "", &json!({})).body("x".repeat(length));
        check(request, 413, shape, "the body is larger than 10000 bytes").await;
    }
    let request = chat(&gateway, "", &json!({})).body(" ".repeat(10_000));
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_caller_that_does_not_send_its_body_is_told_so() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let mut socket = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n\
         content-length: 10\r\nconnection: close\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
}

#[tokio::test]
async fn a_provider_that_is_silent_is_a_timeout() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let request = chat(&gateway, "ttft=5s", &ask(json!({})));
    let shape = [Some("timeout_error"), None, Some("upstream_timeout")];
    check(request, 504, shape, "the provider \"northwind\" did not answer in time").await;
    until(|| upstream.counts().cancelled == 1).await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_a_bad_gateway() {
    let address = free_port().await.local_addr().unwrap();
    let gateway = gateway(&format!("http://{address}")).await;
    let shape = [Some("server_error"), None, Some("upstream_failure")];
    let request = chat(&gateway, "", &ask(json!({})));
    check(request, 502, shape, "the provider \"northwind\" could not be reached").await;
}

#[tokio::test]
async fn a_provider_that_fails_is_a_bad_gateway() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let shape = [Some("server_error"), None, Some("upstream_failure")];
    // A 401 from there is about the gateway's key, not the caller's.
    for status in [500, 503, 401, 404] {
        let request = chat(&gateway, &format!("ttft=0s,error={status}"), &ask(json!({})));
        let message = format!("the provider \"northwind\" failed with status {status}");
        check(request, 502, shape, &message).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_busy_says_so_to_the_caller() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let request = chat(&gateway, "ttft=0s,error=429", &ask(json!({"stream": true})));
    let shape = [Some("requests"), None, Some("rate_limit_exceeded")];
    let headers = check(request, 429, shape, "simulated failure with status 429").await;
    assert_eq!(headers["retry-after"], "1");
}

#[tokio::test]
async fn what_only_the_provider_can_refuse_is_passed_on() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let response = chat(&gateway, "speed=9", &ask(json!({}))).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("speed=9"));
}

#[tokio::test]
async fn probes_need_no_key() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let response = client().get(format!("{}/healthz", gateway.url())).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "ok"));
}

#[tokio::test]
async fn models_are_listed_with_their_provider() {
    let gateway = gateway("http://127.0.0.1:1").await;
    let request = client().get(format!("{}/v1/models", gateway.url())).bearer_auth(KEY);
    let list: Value = request.send().await.unwrap().json().await.unwrap();
    let model = json!({"id": MODEL, "object": "model", "created": 0, "owned_by": "northwind"});
    assert_eq!(list, json!({"object": "list", "data": [model]}));
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_option() {
    let holder = free_port().await;
    let taken = holder.local_addr().unwrap();
    let error = llm_gateway::bind("--listen", taken).await.unwrap_err().to_string();
    let port = taken.port();
    let expected =
        format!("cannot listen on port {port} of 127.0.0.1 (--listen); port 0 takes any free one");
    assert_eq!(error, expected);
}
