//! A simulated model provider: an HTTP server that draws its replies, delays and failures from
//! seeded distributions.
//!
//! It serves OpenAI's `POST /v1/chat/completions` (streamed and whole) and `GET /v1/models`. The
//! n-th request after the start gets the same reply for the same seed. The `x-sim` header sets the
//! shape of a reply, see [`Controls`].
//!
//! | event | time |
//! |---|---|
//! | response head | after the time to first token |
//! | chunk n of a stream | n token intervals after the head, one token each |
//! | whole reply | when its stream would have ended, head included |
//! | 429, 500 | in place of the head |
//! | stall | once, before a token in the middle |
//! | break | the connection is closed in the middle of the body |

mod controls;
mod counts;
mod profile;
mod reply;

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use self::{
    controls::{Controls, ControlsError, HEADER as CONTROLS_HEADER},
    counts::Counts,
    profile::Profile,
};
use self::{counts::Counters, reply::Reply};
use crate::{
    openai::ChatRequest,
    server::{Server, ServerError},
};

/// Settings of the simulated upstream.
///
/// The default has seed 1 and the models of the gateway's default configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamConfig {
    /// Seed of all draws.
    pub seed: u64,
    /// The models' profiles.
    pub models: Vec<Profile>,
}

/// The simulated upstream, serving.
///
/// ```
/// use llm_gateway::upstream::{Upstream, UpstreamConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let upstream = Upstream::start(UpstreamConfig::default(), listener)?;
/// println!("{}/v1/models", upstream.url());
/// upstream.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Upstream {
    server: Server,
    counters: Arc<Counters>,
}

struct Shared {
    config: UpstreamConfig,
    counters: Arc<Counters>,
}

// === impl UpstreamConfig ===

impl Default for UpstreamConfig {
    fn default() -> Self {
        let model = |name, ttft| Profile::new(name, Duration::from_millis(ttft));
        let models = vec![
            model("northwind-large", 350).with_tokens_per_second(70.0),
            model("northwind-mini", 120).with_tokens_per_second(130.0),
            model("halcyon-chat", 200),
        ];
        Self { seed: 1, models }
    }
}

// === impl Upstream ===

impl Upstream {
    /// Serves `config`'s models on `listener`.
    ///
    /// # Errors
    ///
    /// Returns the system's error if the listener has no local address.
    pub fn start(config: UpstreamConfig, listener: TcpListener) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared { config, counters: Arc::clone(&counters) });
        let app = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .with_state(shared);
        Ok(Self { server: Server::start(listener, app)?, counters })
    }

    /// Returns `http://` and the address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns what became of the requests so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Stops listening and waits at most `patience` for the replies under way.
    ///
    /// # Errors
    ///
    /// As [`Server::shutdown`].
    pub async fn shutdown(self, patience: Duration) -> Result<(), ServerError> {
        self.server.shutdown(patience).await
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let model = |it: &Profile| json!({"id": it.model, "object": "model"});
    let models = shared.config.models.iter().map(model).collect::<Value>();
    Json(json!({"object": "list", "data": models}))
}

async fn chat(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = match ChatRequest::parse(&body) {
        Ok(it) => it,
        Err(error) => {
            return refusal(StatusCode::BAD_REQUEST, &error.to_string(), error.param.as_deref());
        }
    };
    let Some(profile) = shared.config.models.iter().find(|it| it.model == request.model) else {
        let message = format!("the model {:?} does not exist", request.model);
        return refusal(StatusCode::NOT_FOUND, &message, Some("model"));
    };
    let controls = match controls(&headers) {
        Ok(it) => it,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string(), None),
    };
    let (id, open) = shared.counters.open();
    let mut plan = profile.plan(shared.config.seed, id);
    if let Some(controls) = controls {
        plan = plan.apply(&controls);
    }
    Reply { id, plan, request, open }.give().await
}

fn controls(headers: &HeaderMap) -> Result<Option<Controls>, ControlsError> {
    let Some(value) = headers.get(CONTROLS_HEADER) else { return Ok(None) };
    String::from_utf8_lossy(value.as_bytes()).parse().map(Some)
}

fn refusal(status: StatusCode, message: &str, param: Option<&str>) -> Response {
    let error =
        json!({"message": message, "type": "invalid_request_error", "param": param, "code": null});
    (status, Json(json!({"error": error}))).into_response()
}
