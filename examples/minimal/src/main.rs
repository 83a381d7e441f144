//! The smallest axum service with a stage breakdown: `curl 127.0.0.1:3000/hello/Ada`.

use std::io;

use axum::{Router, extract::Path, routing::get};
use stagelight::stage;
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = stagelight::init()?; // reads OTEL_* and STAGELIGHT_*
    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .layer(telemetry.http_layer()) // measures every request to its last byte
        .merge(telemetry.metrics_router()); // GET /metrics, for Prometheus and for a look

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async { drop(signal::ctrl_c().await) })
        .await?;
    telemetry.shutdown().unwrap_or_else(|error| tracing::warn!("{error}")); // sends what is left
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
