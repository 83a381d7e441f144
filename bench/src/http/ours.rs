//! axum alone, and with stagelight.

use anyhow::Result;
use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    routing::get,
};
use stagelight::{Telemetry, catalog};
use stagelight_tracing::StageLayer;
use tracing::{Instrument, info_span};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{http::SetUp, recording::Empty, sink};

/// The routes of all sides. Recording sides have series for each.
const ROUTES: [&str; 2] = ["/v1/models/{model}", "/v1/engines/{engine}"];

/// An empty handler.
pub(super) fn plain() -> Router {
    ROUTES.iter().fold(Router::new(), |router, route| router.route(route, get(async || "ok")))
}

/// A handler with five empty stages.
pub(super) fn staged() -> Router {
    async fn nothing() {}
    let handler = async || {
        nothing().instrument(info_span!("parse", stage = "request_parsing")).await;
        nothing().instrument(info_span!("authenticate", stage = "auth_validation")).await;
        nothing().instrument(info_span!("prepare", stage = "request_preparation")).await;
        nothing().instrument(info_span!("fetch", stage = "backend_fetch")).await;
        nothing().instrument(info_span!("stream", stage = "stream_processing")).await;
        "ok"
    };
    ROUTES.iter().fold(Router::new(), |router, route| router.route(route, get(handler)))
}

pub(super) fn nothing() -> Result<SetUp> {
    Ok(SetUp { router: plain(), recorded: Box::new(|| None) })
}

/// A request span and five stages that no layer reads.
pub(super) fn unseen() -> Result<SetUp> {
    registry().with(Empty).try_init()?;
    let request = |request: Request, next: Next| {
        next.run(request).instrument(info_span!("request", stagelight.endpoint = "/v1/models"))
    };
    let router = staged().layer(middleware::from_fn(request));
    Ok(SetUp { router, recorded: Box::new(|| None) })
}

/// A service with the set-up of `init()`, without its log.
pub(super) fn measured(ratio: f64, service: fn() -> Router) -> Result<SetUp> {
    let telemetry = sink::telemetry(ratio)?;
    stagelight::registry().with(telemetry.tracing_layer()).try_init()?;
    Ok(served(telemetry, service))
}

/// The same without the layer for traces.
pub(super) fn untraced(service: fn() -> Router) -> Result<SetUp> {
    let telemetry = sink::telemetry(0.0)?;
    stagelight::registry().with(StageLayer::new(telemetry.engine())).try_init()?;
    Ok(served(telemetry, service))
}

fn served(telemetry: Telemetry, service: fn() -> Router) -> SetUp {
    let router = service().layer(telemetry.http_layer());
    let recorded = move || {
        let snapshot = telemetry.engine().snapshot();
        let counts = snapshot
            .of(&catalog::REQUEST)
            .filter_map(|it| Some(it.histogram(catalog::REQUEST_DURATION)?.count()));
        Some(counts.sum())
    };
    SetUp { router, recorded: Box::new(recorded) }
}
