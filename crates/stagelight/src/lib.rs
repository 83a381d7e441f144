//! See where every request spends its time.
//!
//! stagelight turns ordinary [`tracing`] spans into an exact breakdown of each request by stage,
//! and exports it over OTLP as histograms and traces, and as Prometheus text. A service adds one
//! layer and marks its stages:
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # mod example {
//! use axum::{Router, routing::get};
//! use stagelight::stage;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = stagelight::init()?; // reads OTEL_* and STAGELIGHT_*
//!     telemetry.serve_metrics("127.0.0.1:9464").await?; // for Prometheus
//!
//!     let app = Router::new().route("/", get(render)).layer(telemetry.http_layer());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app)
//!         .with_graceful_shutdown(stagelight::shutdown_signal())
//!         .await?;
//!     telemetry.shutdown().await?; // exports the rest
//!     Ok(())
//! }
//!
//! #[stage("rendering")]
//! async fn render() -> String {
//!     "hello".to_owned()
//! }
//! # }
//! ```
//!
//! [`builder`] overrides settings in code; the environment variables are listed at
//! [`otel::env::variables`].
//!
//! # Marking stages
//!
//! - Any span with a `stage` field is a stage:
//!   `#[tracing::instrument(skip_all, fields(stage = "auth_validation"))]`.
//! - [`#[stage("auth_validation")]`](macro@stage) is the short form, and counts a returned `Err` as
//!   an error of the stage.
//! - [`#[request("nightly")]`](macro@request) measures work that does not arrive over HTTP as a
//!   request: a queue consumer, a job.
//! - [`client`] sends requests to backends: `backend_fetch` until the response head,
//!   `stream_processing` until the last byte.
//!
//! The stages `request_parsing`, `auth_validation`, `request_preparation`, `backend_fetch` and
//! `stream_processing` are known by name ([`stages`]), and so is `queue`, which the HTTP layers
//! record. Any other name is a stage of your own.
//!
//! # Adding the layers to your own subscriber
//!
//! [`init`] installs a subscriber with logs, traces and stages. To compose your own, add
//! [`Telemetry::tracing_layer`] to [`registry()`], or to `tracing_subscriber::registry()`, which
//! records the same and is slower with several threads:
//!
//! ```no_run
//! use tracing_subscriber::prelude::*;
//!
//! let telemetry = stagelight::builder().service_name("gateway").build()?;
//! stagelight::registry()
//!     .with(telemetry.tracing_layer())
//!     .with(tracing_subscriber::fmt::layer())
//!     .init();
//! # Ok::<(), stagelight::otel::StartError>(())
//! ```
//!
//! # Features
//!
//! | feature | adds | requires | default |
//! |---|---|---|---|
//! | `axum` | routes from `MatchedPath`, `serve_metrics`, `metrics_handler` | axum 0.8 | yes |
//! | `otlp-grpc` | OTLP over gRPC | | yes |
//! | `otlp-http` | OTLP over HTTP | | yes |
//! | `hyper` | `error.type` of errors of hyper and hyper-util under [`client`] | hyper 1 | no |
//! | `tonic` | `error.type` of errors of tonic's channel under [`client`] | tonic 0.14 | no |
//! | `reqwest` | [`client`] for reqwest | reqwest 0.13 | no |
//! | `gzip` | OTLP compressed with gzip | | no |
//! | `tls` | OTLP over `https://`, with rustls and the system's certificate authorities | | no |
//!
//! # What this crate does not do
//!
//! It combines the other crates and has no logic of its own. `stagelight-core` documents how time
//! is attributed to stages, `stagelight-http` when a request ends, `stagelight-otel` the export.

#![cfg_attr(docsrs, feature(doc_cfg))]

// In reading order: settings, the handle, its parts.
mod builder;
mod telemetry;
mod report;
mod filter;
mod signal;
pub mod testing;

pub use builder::{Builder, InitError, builder, init};
pub use opentelemetry;
pub use signal::shutdown_signal;
pub use stagelight_core::{ErrorType, catalog};
pub use stagelight_http::{
    HttpLayer, RequestId, StageBodyExt, StageFutureExt, StageStreamExt, client, stage_span,
};
pub use stagelight_live as live;
pub use stagelight_macros::{request, stage};
pub use stagelight_otel as otel;
pub use stagelight_tracing::registry;
pub use telemetry::Telemetry;

/// Measuring without spans, and reading measurements.
pub mod engine {
    pub use stagelight_core::{Engine, Group, Nanos, Outcome, Request, Snapshot};
}

/// The names of the well-known stages, and the types that mark a future, a stream or a body as a
/// stage.
pub mod stages {
    pub use stagelight_core::stage::*;
    pub use stagelight_http::{StageFuture, StageSpan, StageStream, TrackedBody};
}

/// The snippets of the README and of `docs/`, compiled.
#[cfg(all(doctest, feature = "axum", feature = "reqwest"))]
mod snippets {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/stages.md")]
    struct Stages;
    #[doc = include_str!("../../../docs/composing.md")]
    struct Composing;
}

/// Used by code that the macros generate; may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use stagelight_instrument::__private::*;
}
