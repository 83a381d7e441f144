//! Exports stagelight's measurements and traces over OTLP.
//!
//! The only crate of the workspace that depends on OpenTelemetry. It reads the environment
//! ([`Environment`], [`Config`]) and runs one [`Pipeline`]: spans from `tracing-opentelemetry`, the
//! stage store's metrics, and metrics of your own [`opentelemetry`] instruments, all with the same
//! resource.
//!
//! ```text
//! tracing spans ─▶ tracing_layer ─▶ SDK: sampler ─▶ span queue ─┐
//!                                                               ├─▶ own thread ─▶ OTLP or console
//! engine's store ─▶ snapshot ─┐                                 │
//! user's Meter ─▶ SDK reader ─┴─▶ one request per interval ─────┘
//! ```
//!
//! # Sampling
//!
//! Nested in a `StageLayer` ([`Pipeline::request_traces`]), the tracing layer sees only sampled
//! requests. The sampler decides once per request, when its span is created: from the remote
//! parent, or from a trace id that the span then gets. The SDK consults the sampler again when it
//! starts the span, with the same id and parent, and therefore with the same result.
//!
//! Two [rules](config::SamplingRules) override the sampler: a ratio per route, and a header that
//! forces sampling. Both use what is known at the start of a request. Whether it fails or is slow
//! is known only at its end. To keep such traces, sample all of them and use tail sampling in the
//! collector.
//!
//! # Exemplars
//!
//! Histograms carry one value of a sampled request per bucket and export interval, with its trace
//! and span ids. Before the span of such a request ends, it gets the attribute
//! `stagelight.exemplar`, so that tail sampling can keep its trace with a `boolean_attribute`
//! policy.
//!
//! # Guarantees
//!
//! - A slow or dead collector delays only its own data. Spans wait in a bounded queue, exports run
//!   on a separate thread, and the shutdown waits for at most
//!   [`STAGELIGHT_SHUTDOWN_TIMEOUT`](env::variables).
//! - A failed export loses no metrics: they are cumulative. Spans stay in the queue while there is
//!   room, unless the collector rejects them for good. Dropped and rejected spans are counted, and
//!   the counts are exported.
//! - Each stage outside of any request is logged once, when metrics are exported.
//! - If the collector refuses a request for its size, its halves are sent. A single span or data
//!   point above the collector's limit is dropped and counted with `error.type="too_large"`.
//! - A batch of spans that the collector refuses or does not answer in five deliveries in a row is
//!   halved as well. A single span is dropped and counted with the `error.type` of the failure.
//!   Failed connections and requested delays do not count.
//! - An outage of the collector is logged once, and once more when it ends.
//! - After a panic on the export thread, which is logged, the export restarts. The data in export
//!   is lost and counted with `error.type="panic"`.
//! - Exports create no spans.
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | encoded size of a request | 1 MiB | several requests, in order |
//! | spans in a batch | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, and 1 MiB | further batches |
//! | waiting spans | `OTEL_BSP_MAX_QUEUE_SIZE` | dropped, `error.type="queue_full"` |
//! | memory of waiting spans | 32 MiB | dropped, `error.type="queue_bytes_full"` |
//! | string in a span: attribute, name, status | 4096 characters ¹ | truncated |
//! | delay between attempts | 0.2 s, doubled up to 1.6 s, less a random part up to half | |
//! | delay that a collector requests (`Retry-After`, `RetryInfo`) | 5 min | shortened |
//! | time to connect, to all addresses of a name | 4 s | retried |
//! | time for the body of an HTTP response | 1 s, or half of the time left | the status decides |
//! | response of a collector | 1 MiB | not read; a successful export remains successful |
//! | message of a collector in the log | 200 characters, one line | truncated |
//!
//! ¹ `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
//!
//! A delay that a collector requests applies to later exports of the signal as well. An export that
//! cannot begin in time fails at once with the error that requested the delay.
//!
//! # Features
//!
//! | feature | enables | default |
//! |---|---|---|
//! | `otlp-grpc` | OTLP over gRPC | yes |
//! | `otlp-http` | OTLP over HTTP with protobuf bodies | yes |
//! | `gzip` | `OTEL_EXPORTER_OTLP_COMPRESSION=gzip` | no |
//! | `tls` | `https://` endpoints, with rustls, ring and the system's root certificates | no |
//!
//! A setting that requires a disabled feature is a [`StartError`] that names the feature.
//!
//! # Scope
//!
//! The crate does not know what a stage, a request or an endpoint is; it encodes core's catalogue
//! and snapshots. It depends on no HTTP server or web framework, and installs no subscriber.

#![cfg_attr(docsrs, feature(doc_cfg))]

// In reading order: settings, traces, encoding, delivery, the background tasks, the pipeline.
mod signal;
pub mod env;
pub mod config;
mod start_error;
mod delivery;
mod deadline;
mod resource;
mod runtime;
mod id_generator;
mod request_sampler;
mod sampling_policy;
mod span_sampler;
mod propagation;
mod encode;
mod console;
mod transport;
mod reachability;
mod backoff;
mod otlp_client;
mod request;
mod destination;
mod counts;
mod outbox;
mod worker;
mod supervisor;
mod bounded_span;
mod span_queue;
mod span_export;
mod instruments;
pub mod catalog;
mod exporter_metrics;
mod outside_requests;
mod metric_export;
mod pipeline;

pub use config::{Compression, Config, Exporter, Histograms, Propagation, Protocol, Sampler};
pub use delivery::{DeliveryError, ShutdownError, Undelivered};
pub use env::{EnvProblem, Environment};
pub use id_generator::RequestTracer;
pub use opentelemetry;
pub use pipeline::Pipeline;
pub use propagation::{context_of, current_trace_id};
pub use signal::Signal;
pub use start_error::StartError;
