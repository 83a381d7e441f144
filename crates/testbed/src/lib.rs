//! Test doubles of the stagelight workspace: what its tests share, and nothing that is published.

mod scripted_body;
#[cfg(feature = "otlp-sink")]
mod otlp_sink;

#[cfg(feature = "otlp-sink")]
pub use otlp_sink::{OtlpSink, RequestHead, SinkAnswer, metric_lines, resource_lines, span_lines};
pub use scripted_body::{ScriptedBody, ScriptedError};
