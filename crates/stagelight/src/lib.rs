//! See where every request spends its time.
//!
//! stagelight turns ordinary [`tracing`] spans into an exact breakdown of each request by stage, and exports it over OTLP as
//! histograms and traces. A service adds one layer and marks its stages:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use stagelight::stage;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = stagelight::init()?; // reads OTEL_* and STAGELIGHT_*
//!     let app = Router::new().route("/", get(render)).layer(telemetry.http_layer());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await?;
//!     telemetry.shutdown()?; // sends what is left
//!     Ok(())
//! }
//!
//! #[stage("rendering")]
//! async fn render() -> String {
//!     "hello".to_owned()
//! }
//! ```
//!
//! # Marking stages
//!
//! - Any span with a `stage` field is a stage: `#[tracing::instrument(skip_all, fields(stage = "auth_validation"))]`.
//! - [`#[stage("auth_validation")]`](macro@stage) says the same in one word; an `Err` counts as the stage's error.
//! - [`#[request(endpoint = "nightly")]`](macro@request) makes a request of what is not HTTP: a queue consumer, a job.
//! - [`client`] asks backends: `backend_fetch` until the response head, `stream_processing` until the last byte.
//!
//! The stages `request_parsing`, `auth_validation`, `request_preparation`, `backend_fetch` and `stream_processing` are known by
//! name ([`stages`]); any other name is a stage of your own.
//!
//! # Composing it yourself
//!
//! [`init`] installs a subscriber with logs, traces and stages. To put one together yourself, add the layers to [`registry()`], or to
//! `tracing_subscriber::registry()`, which is the same but slower with several threads:
//!
//! ```no_run
//! use stagelight::{Config, Environment, Telemetry};
//! use tracing_subscriber::prelude::*;
//!
//! let telemetry = Telemetry::start(Config::from_env(&Environment::process()))?;
//! stagelight::registry()
//!     .with(telemetry.layer())
//!     .with(tracing_subscriber::fmt::layer())
//!     .init();
//! # Ok::<(), stagelight::StartError>(())
//! ```
//!
//! # What this crate does not know
//!
//! It puts the other crates together and has no logic of its own: see `stagelight-core` for how time is given to stages,
//! `stagelight-http` for when a request ends, `stagelight-otel` for the settings and what is sent.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod filter;
mod telemetry;

pub use opentelemetry;
pub use stagelight_core::{
    Engine, Group, Nanos, Outcome, Request, Snapshot, catalog, stage as stages,
};
pub use stagelight_http::{
    HttpLayer, RequestId, StageBodyExt, StageFuture, StageFutureExt, StageSpan, StageStream,
    StageStreamExt, TrackedBody, client, stage_span,
};
pub use stagelight_live as live;
pub use stagelight_macros::{request, stage};
pub use stagelight_otel::{
    Compression, Config, EnvProblem, Environment, Exporter, Histograms, Propagation, Protocol,
    Sampler, ShutdownError, StartError, context_of, current_trace_id,
};
pub use stagelight_tracing::{Registry, StageLayer, macro_support::ErrorType, registry};
pub use telemetry::{InitError, Telemetry, init, init_with};

/// The README's snippets, compiled.
#[cfg(all(doctest, feature = "axum", feature = "reqwest"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What the macros' code calls; may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use stagelight_tracing::macro_support::*;
    pub use tracing;
}
