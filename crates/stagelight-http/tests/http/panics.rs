//! Panics of handlers and bodies: recorded, and re-raised or caught.

use std::{convert::Infallible, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use http::{HeaderValue, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use stagelight_http::HttpLayer;
use stagelight_testing::ScriptedBody;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use crate::support::{Fixture, get, poll, respond};

#[derive(Clone, Copy)]
enum In {
    Call,
    Future,
}

/// Serves a request with a handler that panics after 3 ms.
///
/// Returns the response or the message of the panic.
async fn served(
    fixture: &Fixture,
    layer: HttpLayer,
    place: In,
) -> Result<Response<String>, String> {
    let time = fixture.time.clone();
    let handler = tower::service_fn(move |_| {
        time.advance(Duration::from_millis(3));
        if matches!(place, In::Call) {
            panic!("oh no");
        }
        async { panic!("oh no") as Result<Response<ScriptedBody>, Infallible> }
    });
    let mut request = get();
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("abc-1"));
    let served = AssertUnwindSafe(layer.layer(handler).oneshot(request)).catch_unwind().await;
    match served {
        Ok(response) => {
            let (parts, body) = response.unwrap().into_parts();
            let size = body.size_hint().exact();
            let text = body.collect().await.unwrap().to_bytes();
            assert_eq!(size, Some(text.len() as u64));
            Ok(Response::from_parts(parts, String::from_utf8(text.to_vec()).unwrap()))
        }
        Err(payload) => Err(payload.downcast_ref::<&str>().unwrap().to_string()),
    }
}

#[tokio::test]
async fn a_panic_of_the_handler_is_recorded_and_re_raised() {
    for place in [In::Call, In::Future] {
        let fixture = Fixture::new();
        let raised = served(&fixture, fixture.layer(), place).await.unwrap_err();
        assert_eq!(raised, "oh no");
        assert_eq!(fixture.the_request(), "panic - panic 3ms 0B");
        assert_eq!(fixture.spans.the("http.request").field("otel.status_code"), "ERROR");
    }
}

#[tokio::test]
async fn catch_panics_responds_with_a_500() {
    for place in [In::Call, In::Future] {
        let fixture = Fixture::new();
        let layer = fixture.layer().catch_panics();
        let response = served(&fixture, layer, place).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["x-request-id"], "abc-1");
        assert_eq!(response.body(), r#"{"error":"internal server error","request_id":"abc-1"}"#);
        assert_eq!(fixture.the_request(), "panic 500 500 3ms 54B");
    }
}

#[tokio::test]
async fn a_panic_of_the_body_is_recorded_and_re_raised() {
    for layer in [|it: HttpLayer| it, HttpLayer::catch_panics] {
        let fixture = Fixture::new();
        let body = ScriptedBody::new().data("ab").run(fixture.pass(2)).panic("oh no");
        let response = respond(layer(fixture.layer()), get(), Response::new(body)).await;
        let mut body = Box::pin(response.into_body());
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| poll(body.as_mut(), 9, || ())));
        assert_eq!(polled.unwrap_err().downcast_ref::<String>().unwrap(), "oh no");
        drop(body);
        assert_eq!(fixture.the_request(), "panic 200 panic 2ms 2B");
    }
}

#[tokio::test]
async fn a_response_dropped_while_unwinding_is_a_panic() {
    let fixture = Fixture::new();
    let response =
        respond(fixture.layer(), get(), Response::new(ScriptedBody::new().data("ab"))).await;
    let unwound = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _response = response;
        panic!("oh no");
    }));
    assert!(unwound.is_err());
    assert_eq!(fixture.the_request(), "panic 200 panic 0ms 0B");
}
