//! What is measured of the gateway's requests.

use std::{sync::LazyLock, time::Duration};

use llm_gateway::{Server, Slow, upstream::Upstream};
use serde_json::json;
use stagelight::{
    Telemetry,
    engine::Nanos,
    live::breakdown::{Breakdown, Endpoint, Stage},
};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{
    TELEMETRY, ask, chat, client, config, post, serve, telemetry, until, upstream,
};

/// A gateway and its upstream, with measurements of their own.
///
/// A test's runtime has one thread, so that its subscriber sees all spans of its servers, and those
/// of no other test.
struct Measured {
    telemetry: Telemetry,
    upstream: Upstream,
    gateway: Server,
    _subscriber: DefaultGuard,
}

// === impl Measured ===

impl Measured {
    async fn start(slow: &[&str]) -> Self {
        LazyLock::force(&TELEMETRY);
        let telemetry = telemetry();
        let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
        let subscriber = tracing::subscriber::set_default(subscriber);
        let upstream = upstream(1).await;
        let slow = Slow::default().with(slow.iter().map(|it| Slow::parse(it).unwrap())).unwrap();
        let config = config(&upstream.url()).with_slow(slow);
        let gateway = serve(config, &telemetry).await;
        Self { telemetry, upstream, gateway, _subscriber: subscriber }
    }

    /// Returns what is known of the completions, once one request has ended.
    async fn completions(&self) -> Endpoint {
        let find = || {
            let engine = self.telemetry.engine();
            let breakdown = Breakdown::from_snapshot(&engine.snapshot(), Duration::ZERO, |it| {
                engine.group_of(it)
            });
            let mut endpoints = breakdown.endpoints.into_iter();
            endpoints.find(|it| it.endpoint == "/v1/chat/completions" && it.requests == 1)
        };
        until(|| find().is_some()).await;
        find().unwrap()
    }
}

fn stage<'a>(endpoint: &'a Endpoint, name: &str) -> &'a Stage {
    endpoint.stages.iter().find(|it| it.stage == name).unwrap()
}

fn millis(millis: u64) -> Nanos {
    Nanos::from(Duration::from_millis(millis))
}

#[tokio::test]
async fn a_completion_has_each_of_the_five_stages_once() {
    let sim = "ttft=60ms,tokens=3,token-interval=70ms";
    for is_stream in [true, false] {
        let measured = Measured::start(&[]).await;
        let request = chat(&measured.gateway, sim, &ask(json!({"stream": is_stream})));
        drop(request.send().await.unwrap().text().await.unwrap());

        let endpoint = measured.completions().await;
        assert_eq!(endpoint.outcomes["ok"], 1);
        assert_eq!(endpoint.stages.len(), 5);
        for name in Slow::STAGES {
            let stage = stage(&endpoint, name);
            assert_eq!((stage.count, stage.errors), (1, 0), "{name}");
        }
        // A whole reply's tokens are made before its head. A stream's are due by the time that the
        // head was sent, which on a busy machine is well before it arrives.
        let (fetch, stream) = if is_stream { (60, 70) } else { (200, 0) };
        assert!(millis(fetch) <= stage(&endpoint, "backend_fetch").duration.sum);
        assert!(millis(stream) <= stage(&endpoint, "stream_processing").duration.sum);
    }
}

#[tokio::test]
async fn a_slowed_stage_takes_that_long_and_no_other_does() {
    for slowed in Slow::STAGES {
        let measured = Measured::start(&[&format!("{slowed}=150ms")]).await;
        let body = ask(json!({"stream": true}));
        let request = chat(&measured.gateway, "ttft=0s,tokens=1", &body);
        drop(request.send().await.unwrap().text().await.unwrap());
        let endpoint = measured.completions().await;
        for it in &endpoint.stages {
            let is_slow = millis(150) <= it.duration.sum;
            assert_eq!(is_slow, it.stage == slowed, "{slowed}: {it:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_key_is_an_error_of_that_stage() {
    let measured = Measured::start(&[]).await;
    let request = post(&measured.gateway.url(), "", &ask(json!({}))).bearer_auth("wrong");
    assert_eq!(request.send().await.unwrap().status(), 401);
    let endpoint = measured.completions().await;
    assert_eq!(endpoint.stages.len(), 1);
    assert_eq!(stage(&endpoint, "auth_validation").errors, 1);
}

#[tokio::test]
async fn a_silent_provider_is_a_timeout() {
    let measured = Measured::start(&[]).await;
    let request = chat(&measured.gateway, "ttft=5s", &ask(json!({})));
    assert_eq!(request.send().await.unwrap().status(), 504);
    let endpoint = measured.completions().await;
    assert_eq!(endpoint.outcomes["timeout"], 1);
    assert_eq!(stage(&endpoint, "backend_fetch").errors, 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_measured_until_then() {
    let measured = Measured::start(&[]).await;
    let body = ask(json!({"stream": true}));
    let request = chat(&measured.gateway, "tokens=600,token-interval=70ms", &body);
    let mut response = request.send().await.unwrap();
    for _ in 0..3 {
        assert!(response.chunk().await.unwrap().is_some());
    }
    drop(response);
    until(|| measured.upstream.counts().cancelled == 1).await;

    let endpoint = measured.completions().await;
    assert_eq!(endpoint.outcomes["cancelled"], 1);
    let streamed = stage(&endpoint, "stream_processing").duration.sum;
    assert!(millis(70) <= streamed && streamed < millis(2_000), "{streamed:?}");
}

#[tokio::test]
async fn labels_come_from_the_configuration_and_from_nowhere_else() {
    let measured = Measured::start(&[]).await;
    let request = chat(&measured.gateway, "ttft=0s,tokens=1", &ask(json!({})));
    drop(request.send().await.unwrap().text().await.unwrap());
    let request = chat(&measured.gateway, "", &ask(json!({"model": "from-outside"})));
    assert_eq!(request.send().await.unwrap().status(), 404);
    let path = client().get(format!("{}/from-outside", measured.gateway.url()));
    assert_eq!(path.send().await.unwrap().status(), 404);
    let probe = client().get(format!("{}/healthz", measured.gateway.url()));
    assert_eq!(probe.send().await.unwrap().status(), 200);

    let metrics = measured.telemetry.serve_metrics("127.0.0.1:0").await.unwrap();
    let url = format!("http://{metrics}/metrics");
    let text = client().get(url).send().await.unwrap().text().await.unwrap();
    let ttfb = text.lines().find(|it| it.starts_with("backend_ttfb_seconds_count{")).unwrap();
    for label in
        ["provider=\"northwind\"", "model=\"northwind-mini\"", "endpoint=\"/v1/chat/completions\""]
    {
        assert!(ttfb.contains(label), "{ttfb}");
    }
    assert!(ttfb.ends_with(" 1"), "{ttfb}");
    assert!(!text.contains("from-outside"), "{text}");
    assert!(!text.contains("healthz"), "{text}");
}
