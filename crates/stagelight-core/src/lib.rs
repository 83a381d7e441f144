//! The engine behind stagelight: measures the stages of requests from the edges of their spans.
//!
//! A *request* is the unit of the breakdown. A *stage* is a named part of it. While a
//! request runs, the [`Engine`] only buffers the starts and ends of its stages. When it ends, it
//! attributes each instant to the innermost open stages, and adds the results to a store that each
//! thread writes for itself and any number of readers sum.
//!
//! ```
//! use stagelight_core::{Engine, Outcome, catalog};
//!
//! let engine = Engine::new();
//! let mut request = engine.start_request("/v1/chat");
//! // ... the work being timed, in spans below one that `request.link` creates ...
//! request.end(Outcome::Ok);
//!
//! let snapshot = engine.snapshot();
//! let request = snapshot.of(&catalog::REQUEST).next().unwrap();
//! assert_eq!(request.value(Outcome::LABEL), "ok");
//! ```
//!
//! Spans reach the engine through a layer, such as `StageLayer` of `stagelight-tracing`. The
//! interface for layers is [`layer_api`].
//!
//! # Units
//!
//! Times are whole nanoseconds ([`Nanos`]), converted to `f64` seconds once, at export. Sizes are
//! bytes.
//!
//! # Invariants
//!
//! - A request ends exactly once. The shares of its stages and its unattributed time add up to its
//!   duration, to the nanosecond.
//! - Recording never panics, fails or waits for a reader. Measurements beyond a limit are dropped
//!   and counted in [`catalog::DROPPED`].
//! - Values are cumulative and never reset, so readers do not affect each other.
//! - Memory is bounded; see [`Engine`].
//!
//! # Non-goals
//!
//! This crate opens no socket, reads no environment variable and starts no task or thread. It
//! depends neither on `tracing-subscriber` nor on OpenTelemetry or HTTP crates: names from their
//! conventions are data in [`catalog`].

// In reading order: vocabulary, store, timeline, engine, layers, readers.
mod sync;
mod units;
mod clock;
mod error_type;
pub mod stage;
pub mod fields;
mod buckets;
mod fine;
pub mod catalog;
mod random;
mod trace;
mod propagation;
mod symbol;
mod store;
mod well_known;
mod key;
mod timeline;
mod engine_state;
mod thread_state;
pub mod layer_api;
mod request;
mod engine;
mod histogram;
mod snapshot;
mod exemplar;
mod reader;
mod percentages;

pub use buckets::{Buckets, MAX_BOUNDS};
pub use catalog::Outcome;
pub use clock::{Clock, ManualClock, Ticks};
pub use engine::{Engine, EngineBuilder};
pub use error_type::ErrorType;
pub use exemplar::Exemplar;
pub use fine::SCALE;
pub use histogram::Histogram;
pub use percentages::Percentages;
pub use propagation::Propagator;
pub use reader::ExemplarReader;
pub use request::Request;
pub use snapshot::{Point, Series, Snapshot};
pub use stage::Group;
pub use trace::{
    HeadDecision, ParentContext, RemoteContext, SamplingInput, SamplingPolicy, UnsampledTrace,
};
pub use units::Nanos;
