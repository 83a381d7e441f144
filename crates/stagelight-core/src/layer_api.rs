//! The interface for layers: what turns spans, headers and streams into measurements.
//!
//! Services do not need it: they add a `StageLayer` of `stagelight-tracing` to their subscriber
//! and use [`Engine`](crate::Engine). A layer keeps a [`SpanKey`] for each open span and passes it
//! to the [`SpanEngine`] with each edge. The engine knows no span ids, fields or contexts.
//!
//! ```
//! use stagelight_core::{Engine, Outcome, catalog};
//!
//! let engine = Engine::new();
//! let spans = engine.spans();
//! let auth = spans.stage_id("auth_validation");
//!
//! let mut request = engine.start_request("/v1/chat");
//! let root = request.link(|| spans.open_request("/v1/chat"));
//! let stage = spans.open_stage(root, auth);
//! // ... the work being timed ...
//! spans.close(stage);
//! request.end(Outcome::Ok);
//! spans.close(root);
//!
//! let snapshot = engine.snapshot();
//! let stages: Vec<_> = snapshot.of(&catalog::STAGE).map(|it| it.values[0].to_string()).collect();
//! assert_eq!(stages, ["auth_validation", "unattributed"]);
//! ```

mod span_engine;
mod span_lookup;
mod stream_stage;

pub use crate::key::SpanKey;
pub use span_engine::{SpanEngine, StageAttribute, StageId};
pub use span_lookup::{SpanLookup, current_unsampled_trace, unsampled_trace};
pub use stream_stage::StreamStage;
