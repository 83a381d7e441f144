//! Servers on free ports, and a client for them.

use std::{sync::LazyLock, time::Duration};

use llm_gateway::{
    GatewayConfig, Server,
    upstream::{Profile, Upstream, UpstreamConfig},
};
use serde_json::{Value, json};
use stagelight::{Builder, Telemetry, otel::Environment};
use tokio::net::TcpListener;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// For all tests that do not look at it, with the process' subscriber.
///
/// Needed before any span is made: `tracing` may keep for good that nobody wants a span, if that is
/// so while the first subscriber is being set.
pub(crate) static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let telemetry = telemetry();
    tracing_subscriber::registry().with(telemetry.tracing_layer()).init();
    telemetry
});

/// The model that most tests ask for; it never fails by chance.
pub(crate) const MODEL: &str = "northwind-mini";

/// Longer than any test should take, so that one that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Starts an upstream with [`MODEL`] that answers at once, and speaks a token every 10 ms.
pub(crate) async fn upstream(seed: u64) -> Upstream {
    let profile = Profile::new(MODEL, Duration::from_millis(1)).without_failures();
    let config = UpstreamConfig { seed, models: vec![profile] };
    Upstream::start(config, free_port().await).unwrap()
}

/// Returns a client that talks to nobody but the given address, whatever the environment says.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Returns a valid request's body, with `more` fields.
pub(crate) fn ask(more: Value) -> Value {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "say a word"}]});
    let Value::Object(more) = more else { panic!("not an object: {more}") };
    body.as_object_mut().unwrap().extend(more);
    body
}

/// Prepares a completion request with an `x-sim` header.
pub(crate) fn post(base: &str, sim: &str, body: &Value) -> reqwest::RequestBuilder {
    client().post(format!("{base}/v1/chat/completions")).header("x-sim", sim).json(body)
}

/// Splits a whole stream into its events' data, and checks that nothing else is in it.
pub(crate) fn events(text: &str) -> Vec<&str> {
    assert!(text.ends_with("\n\n"), "{text:?}");
    let data = |it| str::strip_prefix(it, "data: ").unwrap_or_else(|| panic!("{it:?}"));
    text.trim_end().split("\n\n").map(data).collect()
}

/// Waits until `holds`, and fails if it never does.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// The key that [`gateway`] takes.
pub(crate) const KEY: &str = "a-key-for-tests";

/// Starts a gateway in front of `upstream`, with limits that tests can reach.
pub(crate) async fn gateway(upstream: &str) -> Server {
    serve(config(upstream), &TELEMETRY).await
}

pub(crate) fn config(upstream: &str) -> GatewayConfig {
    let config = format!(
        "timeout = '500ms'\nbody_limit = 10_000\nforward_headers = ['x-sim']\n\
         [providers.northwind]\nbase_url = '{upstream}'\napi_key = 'provider-key'\n\
         models = ['{MODEL}']"
    );
    config.parse::<GatewayConfig>().unwrap().with_api_keys([KEY])
}

pub(crate) async fn serve(config: GatewayConfig, telemetry: &Telemetry) -> Server {
    let app = llm_gateway::app(config, telemetry).unwrap();
    Server::start(free_port().await, app).unwrap()
}

/// Starts measuring, without exporting and without a subscriber.
pub(crate) fn telemetry() -> Telemetry {
    let environment = Environment::from_pairs::<&str, &str>([]);
    Builder::from_env(&environment).disabled(true).build().unwrap()
}

/// Prepares a completion request with a valid key and an `x-sim` header.
pub(crate) fn chat(gateway: &Server, sim: &str, body: &Value) -> reqwest::RequestBuilder {
    post(&gateway.url(), sim, body).bearer_auth(KEY)
}
