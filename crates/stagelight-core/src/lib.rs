//! The engine behind stagelight: edges of spans in, metrics of stages out.
//!
//! A *request* is the unit whose time is broken down; a *stage* is a named part of it. A front end tells the [`Engine`] when spans
//! open, are polled and close. While a request runs, those edges are only noted. When it ends they are swept once, and what comes out
//! goes to a store that only the recording thread writes and any number of readers sum.
//!
//! ```
//! use stagelight_core::{Engine, Outcome, SpanKey, catalog};
//!
//! let engine = Engine::new();
//! let auth = engine.stage_id("auth_validation");
//!
//! let mut request = engine.start_request("/v1/chat");
//! let span = request.link(|| engine.open_request_span("/v1/chat"));
//! let stage = engine.open_stage(span, auth);
//! // ... the work being timed ...
//! engine.close(stage);
//! request.end(Outcome::Ok);
//! engine.close(span);
//!
//! let snapshot = engine.snapshot();
//! let stages: Vec<_> = snapshot.of(&catalog::STAGE).map(|it| it.values[0].to_string()).collect();
//! assert_eq!(stages, ["auth_validation", "unattributed"]);
//! ```
//!
//! # Units
//!
//! Time is whole nanoseconds ([`Nanos`]) inside, and becomes `f64` seconds once, when it is exported. Sizes are bytes.
//!
//! # Invariants
//!
//! - A request ends exactly once. The shares of its stages and its unattributed time add up to its duration, to the nanosecond.
//! - Recording never panics, blocks on a reader, or fails: what a limit forbids is dropped and counted
//!   ([`catalog::DROPPED`]).
//! - Values are cumulative and never reset, so readers do not disturb each other.
//! - Memory is bounded; see [`Engine`].
//!
//! # What this crate does not know
//!
//! It opens no socket, reads no environment variable and starts no task or thread. It knows no `tracing-subscriber` type and
//! nothing of OpenTelemetry or HTTP: names from their conventions are data in [`catalog`].

// In reading order: the vocabulary, what is measured, how it is kept, how it is computed, who drives it, what is read.
mod sync;
mod units;
mod clock;
mod outcome;
mod error_type;
pub mod stage;
mod buckets;
mod fine;
pub mod catalog;
mod random;
mod trace;
mod symbol;
mod store;
mod well_known;
mod key;
mod timeline;
mod state;
mod engine;
mod spans;
mod lookup;
mod streams;
mod decision;
mod request;
mod histogram;
mod snapshot;
mod exemplar;
mod reader;
mod percentages;
pub mod thresholds;
mod propagation;

pub use buckets::{Buckets, MAX_BOUNDS};
pub use clock::{Clock, ManualClock, Ticks};
pub use engine::Engine;
pub use error_type::ErrorType;
pub use exemplar::Exemplar;
pub use fine::SCALE;
pub use histogram::Histogram;
pub use key::SpanKey;
pub use lookup::SpanLookup;
pub use outcome::Outcome;
pub use percentages::Percentages;
pub use propagation::Propagator;
pub use reader::ExemplarReader;
pub use request::Request;
pub use snapshot::{Point, Series, Snapshot};
pub use spans::{StageAttribute, StageId};
pub use stage::Group;
pub use trace::{
    HeadDecision, ParentContext, RemoteContext, SamplingInput, SamplingPolicy, UnsampledTrace,
};
pub use units::Nanos;
