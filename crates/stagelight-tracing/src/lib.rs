//! Turns ordinary [`tracing`] spans into measurements of stages and requests.
//!
//! [`StageLayer`] measures two kinds of spans, which it recognises by a field:
//!
//! | Span | Field | Further fields |
//! |---|---|---|
//! | stage | `stage`: its name | `provider`, `model`, `error.type`; `stage.group` |
//! | request | `stagelight.endpoint`: a route template or a job's name | `outcome`, which ends it |
//!
//! Further fields may be set at the start or recorded later, except `stage.group`, which is read at
//! the start only.
//!
//! A stage belongs to the request of its nearest request span above. Other spans in
//! between do not matter. The field names are constants in [`stagelight_core::fields`].
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
//! # Non-goals
//!
//! This crate computes no times and stores no values; `stagelight-core` does. It does not depend
//! on OpenTelemetry or HTTP crates. It relies on the order of the subscriber's callbacks, but not
//! on the Registry's storage.

mod callsite;
mod entered;
mod thread_state;
mod fields;
mod span_table;
mod span_recorder;
mod registry;
mod layer;

pub use callsite::is_measured;
pub use layer::StageLayer;
pub use registry::{Registry, registry};
pub use span_recorder::NoSpanRecorder;

#[cfg(test)]
mod tests;
