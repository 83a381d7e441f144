//! The service under load: the example gateway's routes and routes with faults.
//!
//! A separate process, so that its memory can be measured. Ends when its standard input ends.

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

use crate::{child, requests::KEY};

pub(crate) const PANIC: &str = "/soak/panic";
pub(crate) const BODY_PANIC: &str = "/soak/body/panic";
pub(crate) const BODY_ERROR: &str = "/soak/body/error";
pub(crate) const BODY_LIMIT: &str = "/soak/body/limit";
pub(crate) const BYTES: &str = "/soak/bytes/{chunks}";
pub(crate) const MODEL: &str = "/soak/model/{model}";
pub(crate) const JOB: &str = "/soak/job/{job}/{stage}";
pub(crate) const OUTSIDE: &str = "/soak/outside";
pub(crate) const NEVER: &str = "/soak/never";

/// Number of job names and of stage names: below the caps of the labels, but together above the cap
/// of series of a family.
pub(crate) const JOBS: u64 = 150;
pub(crate) const STEPS: u64 = 40;

/// The provider of models that clients choose.
pub(crate) const PROVIDER: &str = "soak";

/// Timeout for a silent upstream or client; short, for many timeouts in a run.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Time limit for the last requests.
const DRAIN: Duration = Duration::from_secs(10);

static CHUNK: [u8; 16 * 1024] = [b'.'; 16 * 1024];

/// Serves the gateway, the other routes and the metrics until standard input ends.
pub(crate) async fn serve(upstream: &str) -> Result<()> {
    // Thousands of intended panics would fill the log.
    std::panic::set_hook(Box::new(|_| {}));
    let mut config = GatewayConfig::embedded()?.with_upstream(upstream)?.with_api_keys([KEY]);
    config.timeout = TIME_LIMIT;

    let telemetry = stagelight::init()?;
    let app = llm_gateway::app(config, &telemetry)?.merge(others(&telemetry));
    let service = Server::start(listen().await?, app)?;
    let metrics = telemetry.serve_metrics(("127.0.0.1", 0)).await?;
    child::Ready { service: service.address(), metrics: Some(metrics) }.print()?;

    wait_for_the_end().await?;
    service.shutdown(DRAIN).await?;
    telemetry.shutdown().await?;
    Ok(())
}

/// Serves the simulated provider until standard input ends.
pub(crate) async fn serve_upstream(seed: u64) -> Result<()> {
    let config = UpstreamConfig { seed, ..UpstreamConfig::default() };
    let listener = listen().await?;
    let address = listener.local_addr()?;
    let upstream = Upstream::start(config, listener)?;
    child::Ready { service: address, metrics: None }.print()?;

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
        .route(BODY_PANIC, get(async || broken_body(|| panic!("intended"))))
        .route(BODY_ERROR, get(async || broken_body(|| io::Error::other("intended"))))
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
    panic!("intended");
}

/// Returns a body of three chunks, then `end`.
fn broken_body(end: fn() -> io::Error) -> Body {
    Body::from_stream(stream::iter(0..4).then(move |it| async move {
        // Sends the chunks first: a server that gets chunks and error at once may send neither.
        tokio::task::yield_now().await;
        if it < 3 { Ok(Bytes::from_static(b"chunk")) } else { Err(end()) }
    }))
}

/// Returns this number of chunks of 16 KiB.
async fn many_bytes(Path(chunks): Path<u32>) -> Body {
    let chunks = (0..chunks).map(|_| Ok::<_, io::Error>(Bytes::from_static(&CHUNK)));
    Body::from_stream(stream::iter(chunks))
}

/// Records a client's text as an attribute, which services should not do but must survive.
async fn model(Path(model): Path<String>) -> &'static str {
    info_span!("ask", stage = "backend_fetch", provider = PROVIDER, model).in_scope(|| "ok")
}

/// Runs a job, a separate request, with one stage.
async fn job(Path((job, step)): Path<(u64, u64)>) -> &'static str {
    let endpoint = format!("job-{job}");
    let span = info_span!(parent: None, "job", stagelight.endpoint = endpoint);
    let work = async {
        let stage = format!("step-{step}");
        info_span!("work", stage).in_scope(|| "ok")
    };
    work.instrument(span).await
}

/// Runs a stage outside of any request, which is counted as dropped.
async fn outside() -> &'static str {
    let outside = tokio::spawn(work_outside());
    if outside.await.is_ok() { "ok" } else { "failed" }
}

#[stage("outside")]
async fn work_outside() {}
