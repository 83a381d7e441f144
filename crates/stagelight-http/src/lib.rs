//! Measures HTTP exchanges to the last byte, on the server's side and on the client's.
//!
//! [`HttpLayer`] is a tower layer for any service of `http` requests: it opens the request that stages are parts of, its
//! span, and the metrics `http.server.*`. [`client`] measures calls to backends as the stages `backend_fetch` and
//! `stream_processing`. [`StageBodyExt`] and [`StageStreamExt`] make any body or stream a stage.
//!
//! ```
//! use stagelight_core::Engine;
//! use stagelight_http::HttpLayer;
//!
//! let engine = Engine::new();
//! # #[cfg(feature = "axum")]
//! let app: axum::Router = axum::Router::new()
//!     .route("/hello", axum::routing::get(|| async { "hello" }))
//!     .layer(HttpLayer::new(&engine).with_access_log());
//! ```
//!
//! # When a request ends
//!
//! | What happens | `outcome` | `error.type` |
//! |---|---|---|
//! | the last byte, or the trailers, went to the server | `ok`, or by the status | –, or by the status |
//! | the response has no body (empty, to `HEAD`, 204, 304): its head | the same | the same |
//! | the status is 5xx | `error` | the status |
//! | the status is 504 or 408, as of a time limit inside | `timeout` | `504`, `timeout` |
//! | the body fails | `error` | `body` |
//! | the inner service returns an error | `error` | `service` |
//! | either does because of a time limit | `timeout` | `timeout` |
//! | the handler or the body panics; it is raised again | `panic` | `panic` |
//! | the handler panics, and [is answered](HttpLayer::with_panic_handler) | `panic` | `500` |
//! | the client goes away before the head, or before the last byte | `cancelled` | – |
//! | dropped after the last byte was handed over | as if not dropped | |
//!
//! Each request ends exactly once, and its span with it. "The last byte" is a frame after which the body says that it is at its
//! end, or the one that fills the `content-length`: servers stop polling there. A 4xx is the client's error and
//! `ok` here, but for 408. A 5xx whose body is dropped has the outcome `cancelled` and keeps the status as its `error.type`.
//!
//! A time limit is one of tower's or tokio's (with the feature `timeout`), or an [`io::Error`](std::io::Error) of the kind
//! `TimedOut`, looked for behind boxed errors and axum's.
//!
//! # Who held a stream up
//!
//! Responses whose length nobody knows beforehand, and those of the type `text/event-stream`, are streams, and have the metrics `streaming.response.*`. (gRPC's
//! are not: their length is never known, and most are one message.) Bodies of the stage `stream_processing` whose length is not
//! known have `streaming.backend.*`. Chunks are frames with data, gaps the times between them.
//!
//! | From | until | the stream waited for |
//! |---|---|---|
//! | its head, or handing over a chunk | being polled again | its client: whoever reads it |
//! | being polled | a chunk, trailers, an error or the end is ready, or the drop | upstream: whoever makes it |
//!
//! Both add up to the time from the head to the end. What polls cannot tell:
//!
//! - *Buffers.* A server hands over what fits its own buffer and the system's before it stops polling. So a slow client is not seen until they are
//!   full, nor a client that reads the rest after the last byte was handed over; a stream that fits is over before its client has read it.
//!   Measured with axum 0.8 and HTTP/1.1 over loopback on Linux 6.18, whose send buffers grow to 4 MiB by default; "small" is 8 KiB asked for by `SO_SNDBUF` on
//!   the listener and `SO_RCVBUF` on the client. Bytes handed over to a client that reads nothing at all, until polling stops:
//!
//!   | chunks of | default buffers | small send buffer | both small |
//!   |--:|--:|--:|--:|
//!   | 256 B | 3,833,856 | 141,312 | 28,416 |
//!   | 16 KiB | 3,932,160 | 376,832 | 278,528 |
//!
//!   A client that took 1.45 s to read 8 MiB, steadily, was seen to hold the stream up for 0.7 to 0.95 s of it with default buffers; with both small, for
//!   1.42 s of 1.48 s. `cargo test -p stagelight-http --all-features --test http slow_readers -- --nocapture` measures both anew. hyper itself queues up to
//!   16 chunks, hence the last row. A service that wants to see slow clients sooner sets a small `SO_SNDBUF`, at the price of throughput on long lines. HTTP/2 has
//!   windows of its own besides, which were not measured.
//! - *Work elsewhere.* A reader that was told "not ready" and then does something else, instead of waiting to be woken, counts as
//!   waiting for upstream until it polls again.
//! - *Whose slowness it is further on.* A relay's backend waits for its client when the relay is busy as well as when the relay's own client is slow;
//!   `streaming.response.wait.client` tells these apart.
//! - *Meaning.* A comment that keeps a connection alive is a chunk. A reader that stops at `[DONE]` and drops the body before its end counts
//!   as cancelled. An answer compressed on the fly has no length, and so is a stream.
//!
//! # What is not told
//!
//! Metrics carry the route's template, never a path; spans carry the path without the query, and of the headers `host` and
//! `user-agent` only. Requests with more than one such layer are measured more than once.
//!
//! # What this crate does not do
//!
//! It opens no socket, starts no task and knows no OpenTelemetry: trace context goes through
//! [`Propagator`](stagelight_core::Propagator).

#![cfg_attr(docsrs, feature(doc_cfg))]

// In reading order: words, how an end is found, the server's side, stages, the client's side.
mod units;
mod conventions;
mod failure;
mod flow;
mod end;
mod open;
mod last_byte;
mod watched;
mod request_id;
mod endpoint;
mod config;
mod layer;
mod service;
mod future;
mod content;
mod body;
mod request_body;
mod exchange;
mod span;
mod access_log;
mod in_stage;
pub mod client;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use in_stage::{StageBody, StageBodyExt, StageSpan, StageStream, StageStreamExt};
pub use layer::HttpLayer;
pub use request_body::RequestBody;
pub use request_id::RequestId;
pub use service::HttpService;

/// What [`stage_span!`] expands to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}
