//! What is driven: the example gateway's routes, and beside them some that do what no service should.
//!
//! It runs in a process of its own, so that its memory is its own, and ends when its standard input does.

use std::{io, time::Duration};

use anyhow::Result;
use axum::{Router, body::Body, extract::Path, routing::get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use llm_gateway::{
    GatewayConfig, Server, bind,
    upstream::{Upstream, UpstreamConfig},
};
use stagelight::{Telemetry, stage};
use tokio::io::AsyncReadExt;
use tracing::{Instrument, info_span};

use crate::{child, draw::KEY};

pub(crate) const PANIC: &str = "/soak/panic";
pub(crate) const BODY_PANIC: &str = "/soak/body/panic";
pub(crate) const BODY_ERROR: &str = "/soak/body/error";
pub(crate) const BODY_LIMIT: &str = "/soak/body/limit";
pub(crate) const BYTES: &str = "/soak/bytes/{chunks}";
pub(crate) const MODEL: &str = "/soak/model/{model}";
pub(crate) const JOB: &str = "/soak/job/{job}/{stage}";
pub(crate) const OUTSIDE: &str = "/soak/outside";
pub(crate) const NEVER: &str = "/soak/never";

/// How many names the jobs have, and their stages: fewer than are told apart, but more together than a family keeps series.
pub(crate) const JOBS: u64 = 150;
pub(crate) const STEPS: u64 = 40;

/// The provider in whose name a caller's model becomes an attribute.
pub(crate) const PROVIDER: &str = "soak";

/// Longest silence of a provider or a caller: short, so that many time-outs fit into a run.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long the last requests have to end.
const DRAIN: Duration = Duration::from_secs(10);

static CHUNK: [u8; 16 * 1024] = [b'.'; 16 * 1024];

/// Serves the gateway, the other routes and the metrics until standard input ends.
pub(crate) async fn serve(upstream: &str) -> Result<()> {
    // Thousands of planned ones would fill the log.
    std::panic::set_hook(Box::new(|_| {}));
    let mut config = GatewayConfig::embedded()?.with_upstream(upstream)?.with_api_keys([KEY]);
    config.timeout = TIME_LIMIT;

    let telemetry = stagelight::init()?;
    let app = llm_gateway::app(config, &telemetry)?.merge(others(&telemetry));
    let service = Server::start(listen().await?, app)?;
    let metrics = Server::start(listen().await?, telemetry.metrics_router())?;
    child::Ready { service: service.address(), metrics: Some(metrics.address()) }.tell()?;

    wait_for_the_end().await?;
    service.shutdown(DRAIN).await?;
    telemetry.shutdown_async().await?;
    Ok(())
}

/// Serves the simulated provider until standard input ends.
pub(crate) async fn serve_upstream(seed: u64) -> Result<()> {
    let config = UpstreamConfig { seed, ..UpstreamConfig::default() };
    let listener = listen().await?;
    let address = listener.local_addr()?;
    let upstream = Upstream::start(config, listener)?;
    child::Ready { service: address, metrics: None }.tell()?;

    wait_for_the_end().await?;
    Ok(upstream.shutdown(DRAIN).await?)
}

async fn listen() -> Result<tokio::net::TcpListener> {
    Ok(bind("any", ([127, 0, 0, 1], 0).into()).await?)
}

async fn wait_for_the_end() -> io::Result<()> {
    tokio::io::stdin().read_to_end(&mut Vec::new()).await.map(drop)
}

fn others(telemetry: &Telemetry) -> Router {
    Router::new()
        .route(PANIC, get(panic))
        .route(BODY_PANIC, get(async || broken_body(|| panic!("as planned"))))
        .route(BODY_ERROR, get(async || broken_body(|| io::Error::other("as planned"))))
        .route(BODY_LIMIT, get(async || broken_body(|| io::ErrorKind::TimedOut.into())))
        .route(BYTES, get(many_bytes))
        .route(MODEL, get(model))
        .route(JOB, get(job))
        .route(OUTSIDE, get(outside))
        .route(NEVER, get(std::future::pending::<&str>))
        .layer(telemetry.http_layer().catch_panics())
}

#[stage("panicking")]
async fn panic() {
    panic!("as planned");
}

/// Returns a body of three chunks, in place of the fourth of which something happens.
fn broken_body(end: fn() -> io::Error) -> Body {
    Body::from_stream(stream::iter(0..4).then(move |it| async move {
        // The chunks leave before the end: a server that learns of both at once may send neither.
        tokio::task::yield_now().await;
        if it < 3 { Ok(Bytes::from_static(b"chunk")) } else { Err(end()) }
    }))
}

/// Answers with so many chunks of 16 KiB.
async fn many_bytes(Path(chunks): Path<u32>) -> Body {
    let chunks = (0..chunks).map(|_| Ok::<_, io::Error>(Bytes::from_static(&CHUNK)));
    Body::from_stream(stream::iter(chunks))
}

/// Makes what a caller sent an attribute: what nobody should do, and what must do no harm.
async fn model(Path(model): Path<String>) -> &'static str {
    info_span!("ask", stage = "backend_fetch", provider = PROVIDER, model).in_scope(|| "ok")
}

/// Runs a job, which is a request of its own, with one stage.
async fn job(Path((job, step)): Path<(u64, u64)>) -> &'static str {
    let endpoint = format!("job-{job}");
    let span = info_span!(parent: None, "job", stagelight.endpoint = endpoint);
    let work = async {
        let stage = format!("step-{step}");
        info_span!("work", stage).in_scope(|| "ok")
    };
    work.instrument(span).await
}

/// Runs a stage where there is no request: nothing that can be measured, and so counted as dropped.
async fn outside() -> &'static str {
    let outside = tokio::spawn(work_outside());
    if outside.await.is_ok() { "ok" } else { "failed" }
}

#[stage("outside")]
async fn work_outside() {}
