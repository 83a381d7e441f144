//! Turns ordinary [`tracing`] spans into stage measurements.
//!
//! [`StageLayer`] watches two kinds of span, which it knows by a field:
//!
//! | Span | Field | May also have, at the start or recorded later |
//! |---|---|---|
//! | stage | `stage`: its name | `provider`, `model`, `error.type`; `stage.group` (at the start only) |
//! | request | `stagelight.endpoint`: a route template or a job's name | `outcome`, which ends it |
//!
//! A stage belongs to the request that its nearest request span above opened. Spans in between, of whatever kind, are
//! passed through.
//!
//! ```
//! use stagelight_core::{Engine, catalog};
//! use stagelight_tracing::StageLayer;
//! use tracing_subscriber::prelude::*;
//!
//! let engine = Engine::new();
//! let subscriber = tracing_subscriber::registry().with(StageLayer::new(&engine));
//! tracing::subscriber::with_default(subscriber, || {
//!     let request = tracing::info_span!("job", stagelight.endpoint = "nightly");
//!     request.in_scope(|| {
//!         tracing::info_span!("load", stage = "load").in_scope(|| { /* the work being timed */ });
//!     });
//! });
//! assert_eq!(engine.snapshot().of(&catalog::REQUEST).count(), 1);
//! ```
//!
//! # What this crate does not know
//!
//! How time is computed and kept (that is core's), OpenTelemetry, and HTTP. It needs of the subscriber only the order of its
//! callbacks, not the Registry's storage.

mod site;
mod frames;
mod local;
mod fields;
mod table;
mod span_recorder;
mod layer;
mod registry;
pub mod macro_support;

pub use layer::StageLayer;
pub use registry::{Registry, registry};
pub use site::{
    ENDPOINT_FIELD, ERROR_FIELD, GROUP_FIELD, MODEL_FIELD, OUTCOME_FIELD, PROVIDER_FIELD,
    STAGE_FIELD, is_measured,
};
pub use span_recorder::NoSpanRecorder;

#[cfg(test)]
mod tests;
