//! How requests reach the provider, and answers the caller.

use std::sync::Arc;

use axum::{Router, extract::Request, routing::post as on_post};
use llm_gateway::{Server, upstream::Counts};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{ask, chat, events, free_port, gateway, until, upstream};

#[tokio::test]
async fn a_stream_arrives_while_it_is_made() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let body = ask(json!({"stream": true}));
    let request = chat(&gateway, "tokens=3,token-interval=100ms", &body);
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");

    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        if pieces.len() == 1 {
            assert_eq!(upstream.counts(), Counts { requests: 1, completed: 0, cancelled: 0 });
        }
    }
    // One piece for each token, and for the end: none had to wait for the next.
    assert!(3 <= pieces.len(), "{pieces:?}");
    assert_eq!(events(&pieces.concat()).last(), Some(&"[DONE]"));
}

#[tokio::test]
async fn a_whole_reply_keeps_its_length() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let response = chat(&gateway, "tokens=3", &ask(json!({}))).send().await.unwrap();
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text.len(), length);
    let reply: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "light falls on");
}

#[tokio::test]
async fn a_caller_that_goes_away_frees_the_provider() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let body = ask(json!({"stream": true}));
    // More often than the time-out, so that it is not what ends the stream.
    let request = chat(&gateway, "tokens=600,token-interval=50ms", &body);
    let mut response = request.send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!(upstream.counts().cancelled, 0);
    drop(response);
    until(|| upstream.counts() == Counts { requests: 1, completed: 0, cancelled: 1 }).await;
}

#[tokio::test]
async fn a_stream_that_breaks_does_not_look_whole() {
    let upstream = upstream(1).await;
    let gateway = gateway(&upstream.url()).await;
    let body = ask(json!({"stream": true}));
    for sim in ["tokens=4,break-after=2", "tokens=4,stall-after=2:5s"] {
        let response = chat(&gateway, sim, &body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.text().await.is_err(), "{sim}");
    }
}

/// Starts a provider that answers `{}`, and keeps what it was sent.
async fn recorder() -> (Server, Arc<Mutex<Vec<Request<String>>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let handler = async move |request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        keep.lock().await.push(Request::from_parts(head, body));
        "{}"
    };
    let app = Router::new().route("/v1/chat/completions", on_post(handler));
    (Server::start(free_port().await, app).unwrap(), seen)
}

#[tokio::test]
async fn the_provider_gets_the_body_as_it_came_and_only_headers_meant_for_it() {
    let (provider, seen) = recorder().await;
    let gateway = gateway(&provider.url()).await;
    let body = r#"{ "model": "northwind-mini", "seed": 7, "messages": [{"role": "user"}] }"#;
    let request = chat(&gateway, "tokens=1", &json!({})).header("cookie", "secret").body(body);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "{}");

    let seen = seen.lock().await;
    let request = &seen[0];
    assert_eq!(request.body(), body);
    assert_eq!(request.headers()["authorization"], "Bearer provider-key");
    assert_eq!(request.headers()["x-sim"], "tokens=1");
    assert!(!request.headers().contains_key("cookie"));
}
