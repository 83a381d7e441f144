//! Exports what stagelight measures, and traces, over OTLP.
//!
//! The only crate of the workspace that knows OpenTelemetry. It reads the environment ([`Environment`], [`Config`]), and runs one
//! [`Pipeline`]: spans through `tracing-opentelemetry`, the stage store's metrics, and those of the program's own
//! [`opentelemetry`] instruments, under one resource.
//!
//! ```text
//! tracing spans ─▶ tracing_layer ─▶ SDK: sampler ─▶ span queue ─┐
//!                                                               ├─▶ own thread ─▶ OTLP (gRPC, HTTP) or console
//! engine's store ─▶ snapshot ─┐                                 │
//! user's Meter ─▶ SDK reader ─┴─▶ one request an interval ──────┘
//! ```
//!
//! Put inside a `StageLayer` ([`Pipeline::request_traces`]), the tracing layer sees only requests that are sampled: the sampler is asked once, when a
//! request's span is made, by the caller's context or else a trace id that the span then gets. It is asked again when the SDK starts the span, by the
//! same id and the same parent, and says the same.
//!
//! Two rules may go before it ([`Config::with_endpoint_ratio`], [`Config::with_forcing_header`]): another ratio for the requests of an endpoint, and a header
//! that has a request recorded whatever the sampler and the caller say. Both go by what is known at the start. What failed or was slow is
//! known only at the end: to keep that, sample all, and let the collector choose (tail sampling).
//!
//! # Exemplars
//!
//! Histograms carry one value of a sampled request for each bucket and export interval, with its trace's and span's id. The span of a request of
//! which a value was taken gets the attribute `stagelight.exemplar`, before it ends: a collector's tail sampling can keep such
//! traces by a `boolean_attribute` policy.
//!
//! # Promises
//!
//! - A slow or dead collector delays nothing but its own data: spans wait in a bounded queue, exports run on a thread of our own, and the
//!   end of the program waits for [`STAGELIGHT_SHUTDOWN_TIMEOUT`](env::variables) at most.
//! - Nothing recorded is lost by a failed export. Metrics are cumulative. Spans stay in the queue while there is room; those that are
//!   dropped are counted, and the count is exported.
//! - A collector that cannot be reached is reported once, and once more when it can.
//! - The exports make no spans of their own.
//!
//! # Features
//!
//! | feature | what it gives | default |
//! |---|---|---|
//! | `grpc` | OTLP over gRPC | yes |
//! | `http` | OTLP over HTTP with protobuf bodies | yes |
//! | `gzip` | `OTEL_EXPORTER_OTLP_COMPRESSION=gzip` | no |
//! | `tls` | `https://` endpoints, with rustls, ring and the system's certificate authorities | no |
//!
//! Settings that need a feature which is off are a [`StartError`] that names it.
//!
//! # What this crate must never know
//!
//! What a stage, a request or an endpoint is: it copies what core's catalogue and snapshot say. It knows no HTTP server and
//! no web framework, and installs no subscriber.

// In reading order: the settings, what is sent and where, the background tasks, all of it together.
mod signal;
pub mod env;
mod config;
mod start_error;
mod delivery;
mod resource;
mod span_sampler;
mod chosen_trace;
mod request_sampler;
mod sampling_policy;
mod propagation;
mod encode;
mod console;
mod transport;
mod reachability;
mod otlp;
mod destination;
mod counts;
mod background;
mod worker;
mod span_queue;
mod span_export;
mod instruments;
mod own_metrics;
mod metric_export;
mod pipeline;

pub use chosen_trace::RequestTracer;
pub use config::{
    Compression, Config, EndpointError, Exporter, HeaderError, Histograms, Propagation, Protocol,
    Sampler,
};
pub use delivery::{DeliveryError, ShutdownError, Undelivered};
pub use env::{EnvProblem, Environment};
pub use opentelemetry;
pub use pipeline::Pipeline;
pub use propagation::{context_of, current_trace_id};
pub use signal::Signal;
pub use start_error::StartError;
