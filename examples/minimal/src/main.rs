//! The smallest axum service with a stage breakdown: `curl 127.0.0.1:3000/hello/Ada`, then
//! `curl 127.0.0.1:9464/metrics`.

use std::io;

use axum::{Router, extract::Path, routing::get};
use stagelight::stage;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = stagelight::init()?; // reads OTEL_* and STAGELIGHT_*
    telemetry.serve_metrics("127.0.0.1:9464").await?; // GET /metrics, for Prometheus

    // The layer measures every request to its last byte.
    let app = Router::new().route("/hello/{name}", get(hello)).layer(telemetry.http_layer());
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).with_graceful_shutdown(stagelight::shutdown_signal()).await?;

    // Exports the rest. An unreachable collector is not a failure of the service.
    telemetry.shutdown().await.unwrap_or_else(|error| tracing::warn!("{error}"));
    Ok(())
}

async fn hello(Path(name): Path<String>) -> Result<String, String> {
    let name = check(&name).map_err(|error| error.to_string())?;
    Ok(greet(name).await)
}

#[stage("validation")] // an `Err` counts as an error of this stage
fn check(name: &str) -> io::Result<&str> {
    if name.len() < 100 { Ok(name) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[stage("rendering")]
async fn greet(name: &str) -> String {
    format!("Hello, {name}!\n")
}
