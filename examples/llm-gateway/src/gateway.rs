//! The gateway's routes and the state of its handlers.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, header},
    routing::{get, post},
};
use serde_json::{Value, json};
use stagelight::{Telemetry, client, stage};

use crate::{
    chat::chat,
    config::{GatewayConfig, Provider},
    error::ApiError,
    tokens::TokenCounter,
};

/// The state shared by all requests.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) client: reqwest::Client,
    /// The backends, by the model's name.
    pub(crate) backends: HashMap<Arc<str>, Backend>,
}

/// A model's provider, and the measurements of requests to it.
///
/// Created from the configuration: no name that a caller sends becomes a label.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) provider: Arc<Provider>,
    pub(crate) call: client::Backend,
    pub(crate) tokens: TokenCounter,
}

/// Returns the gateway as a router: `POST /v1/chat/completions`, `GET /v1/models`, `GET /healthz`.
///
/// Every request is measured by `telemetry`, except those to `/healthz`.
///
/// # Errors
///
/// Returns the client's error if it cannot be set up.
pub fn app(config: GatewayConfig, telemetry: &Telemetry) -> Result<Router, reqwest::Error> {
    let client = reqwest::Client::builder()
        // Before the response head, and between two pieces of the body.
        .read_timeout(config.timeout)
        // Providers are only where the configuration says: no proxy, no redirects.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let backends = backends(&config, telemetry);
    let measured = telemetry.http_layer().response_time_header().access_log().catch_panics();

    Ok(Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models))
        .fallback(async || ApiError::UnknownRoute)
        .method_not_allowed_fallback(async || ApiError::WrongMethod)
        .layer(measured)
        // After the layer, so that probes are not measured.
        .route("/healthz", get(async || "ok"))
        .with_state(Arc::new(Gateway { config, client, backends })))
}

fn backends(config: &GatewayConfig, telemetry: &Telemetry) -> HashMap<Arc<str>, Backend> {
    let meter = telemetry.meter("llm-gateway");
    let backend = |(model, provider): (&Arc<str>, &Arc<Provider>)| {
        let backend = Backend {
            provider: Arc::clone(provider),
            call: client::Backend::new(&*provider.name).model(&**model).engine(telemetry.engine()),
            tokens: TokenCounter::new(&meter, &provider.name, model),
        };
        (Arc::clone(model), backend)
    };
    config.models.iter().map(backend).collect()
}

async fn models(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    gateway.authenticate(&headers).await?;
    let model =
        |(id, provider)| json!({"id": id, "object": "model", "created": 0, "owned_by": provider});
    let models: Vec<_> = gateway.config.models().map(model).collect();
    Ok(Json(json!({"object": "list", "data": models})))
}

// === impl Gateway ===

impl Gateway {
    /// Returns an error unless the caller sent a valid key.
    #[stage("auth_validation")]
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.config.slow.pause("auth_validation").await;
        let key = bearer_token(headers).ok_or(ApiError::NoKey)?;
        if self.config.api_keys.contains(key) { Ok(()) } else { Err(ApiError::WrongKey) }
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
