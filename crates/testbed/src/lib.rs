//! Test doubles and rigs that the workspace's tests and tools share; not published.
//!
//! It depends on none of the workspace's other crates: `cargo xtask` needs it first, and the
//! servers that it starts are tested from the outside.
//!
//! | Feature | Contents |
//! |---|---|
//! | (none) | `ScriptedBody`, `clock`, the parser `prometheus_text` |
//! | `http-client` | `http_client`, for servers on loopback |
//! | `otlp-sink` | `OtlpSink`, an OTLP receiver inside a test |
//! | `stack` | `Stack`, the real servers, and `Tools`, built from pins; Unix only |

mod scripted_body;
pub mod clock;
pub mod prometheus_text;
#[cfg(feature = "http-client")]
pub mod http_client;
#[cfg(feature = "otlp-sink")]
mod otlp_sink;
#[cfg(feature = "stack")]
mod workspace;
#[cfg(feature = "stack")]
pub mod command;
#[cfg(feature = "stack")]
mod cache;
#[cfg(feature = "stack")]
mod tools;
#[cfg(feature = "stack")]
mod python;
#[cfg(feature = "stack")]
mod stack;

#[cfg(feature = "stack")]
pub use cache::{Cache, Pins};
#[cfg(feature = "otlp-sink")]
pub use otlp_sink::{OtlpSink, RequestHead, SinkAnswer, metric_lines, resource_lines, span_lines};
#[cfg(feature = "stack")]
pub use python::python_env;
pub use scripted_body::{ScriptedBody, ScriptedError};
#[cfg(feature = "stack")]
pub use stack::{
    API_KEY, Addresses, Alertmanager, Collector, CollectorAddresses, Fleet, GatewaySource,
    PlannedCollector, Process, Profile, Reaper, Server, Stack, StackOptions,
};
#[cfg(feature = "stack")]
pub use tools::{GoProgram, Tools, WebPage, download_module};
#[cfg(feature = "stack")]
pub use workspace::Workspace;
