//! Measures HTTP requests to the last byte, on the server and on the client.
//!
//! - [`HttpLayer`] is a tower layer for services. It opens the request and its span, and records
//!   `http.server.*`.
//! - [`client`] measures calls to backends as the stages `backend_fetch` and `stream_processing`.
//! - [`StageFutureExt`], [`StageStreamExt`] and [`StageBodyExt`] turn any future, stream or body
//!   into a stage.
//!
//! ```
//! use stagelight_core::Engine;
//! use stagelight_http::HttpLayer;
//!
//! let engine = Engine::new();
//! # #[cfg(feature = "axum")]
//! let app: axum::Router = axum::Router::new()
//!     .route("/hello", axum::routing::get(|| async { "hello" }))
//!     .layer(HttpLayer::new(&engine).access_log());
//! ```
//!
//! # Features
//!
//! | Feature | Effect |
//! |---|---|
//! | `axum` | the route of a request defaults to axum's matched path |
//! | `hyper` | recognizes connection errors and time limits of hyper and hyper-util's client |
//! | `reqwest` | [`client::Backend`] gets `send`, for reqwest's requests |
//! | `timeout` | recognizes the `Elapsed` errors of tower and tokio as time limits |
//! | `tonic` | recognizes connection errors and time limits of tonic's channel |
//!
//! # When a request ends
//!
//! | Event | `outcome` | `error.type` |
//! |---|---|---|
//! | last byte or trailers handed to the server | `ok`, or see the status | –, or see the status |
//! | response head, if no body follows (empty, `HEAD`, 204, 304) | the same | the same |
//! | status 5xx | `error` | the status code |
//! | status 504 or 408, such as from a time limit inside | `timeout` | `504`, `timeout` |
//! | gRPC status, in trailers or in a head without a body | see below | its name, or – |
//! | end of a gRPC response (200) without a status | `error` | `UNKNOWN` |
//! | body error | `error` | `body` |
//! | end of a body before its `content-length` | `error` | `body` |
//! | error of the inner service | `error` | `service` |
//! | either of these errors, caused by a time limit | `timeout` | `timeout` |
//! | panic of the handler or the body, re-raised | `panic` | `panic` |
//! | panic of the handler, [caught](HttpLayer::catch_panics) | `panic` | `500` |
//! | dropped before the head or the last byte: the client disconnected | `cancelled` | – |
//! | the same, after the time of `grpc-timeout` | `timeout` | `DEADLINE_EXCEEDED` |
//! | dropped after the last byte was handed over | as if not dropped | |
//! | error of `poll_ready` | `error`, `timeout` | –, see below |
//! | dropped while `poll_ready` is pending | `cancelled` | –, see below |
//!
//! Each request ends exactly once, and its span with it. The last byte is in the frame after which
//! `is_end_stream` returns `true`, or in the one that completes the `content-length`: servers stop
//! polling there. A 4xx other than 408 is an error of the client and counts as `ok`. A 5xx with a
//! dropped body has the outcome `cancelled` and keeps the status code as its `error.type`.
//!
//! The status of a gRPC response (`content-type: application/grpc…`) counts according to
//! OpenTelemetry's conventions for RPC servers. The codes `UNKNOWN`, `UNIMPLEMENTED`, `INTERNAL`,
//! `UNAVAILABLE` and `DATA_LOSS` are `error`, `DEADLINE_EXCEEDED` is `timeout`, `CANCELLED` is
//! `cancelled`, and all others are `ok`. The `error.type` of an `error` or a `timeout` is the name
//! of the code. An HTTP error status and a body error override it. gRPC-Web sends the status in the
//! body, where it is not read. A method that the router does not know is `unmatched`, because its
//! name comes from the client.
//!
//! A time limit outside of this layer, such as tower-http's `TimeoutLayer` around it, drops the
//! request and counts as `cancelled`, although the client receives a 408. Add such a layer inside.
//!
//! A time limit is an `Elapsed` of tower or tokio (feature `timeout`), or an
//! [`io::Error`](std::io::Error) of the kind `TimedOut`. Boxed errors and their sources are
//! searched for one, and so are the errors of axum, reqwest, hyper and tonic with their features.
//!
//! # Waiting to be accepted
//!
//! A service inside of the layer may not be ready: a concurrency or rate limit, a buffer. The time
//! from `Pending` to `Ready` of the clone that takes the request belongs to the request, as the
//! stage `queue`. The time between `Ready` and the call does not. The request's span begins with
//! the call. A dropped wait and an error of `poll_ready` are requests without a method, a route or
//! a status: they are in `request.duration` with the endpoint `unmatched`, and not in
//! `http.server.*`. Middleware that polls services before it has a request, such as
//! `tower::balance`, adds such waits. A service that is kept after an abandoned wait goes on
//! waiting: the time until it is ready belongs to its next request.
//!
//! The time in which a client is not ready is the stage `queue` of the current request, and its
//! error before a call is a failed `backend_fetch`.
//!
//! # Slow upstream or slow client?
//!
//! Responses of unknown length, and those of the type `text/event-stream`, are streams and have the
//! metrics `streaming.response.*`. gRPC responses are not, because their length is never known and
//! most are one message. Bodies of unknown length in the stage `stream_processing` have
//! `streaming.backend.*`. A chunk is a frame with data, a gap the time between two chunks.
//!
//! | From | until | the stream waits for |
//! |---|---|---|
//! | the head, or a chunk handed over | the next poll | its client, which reads it |
//! | a poll | a chunk, trailers, an error, the end or the drop | its upstream, which produces it |
//!
//! Both add up to the time from the head to the end. The limits of this method:
//!
//! - *Buffers.* A server hands over as much as fits its own buffer and the system's before it stops
//!   polling. Until these are full, a slow client is not seen. Neither is a client that reads the
//!   rest after the last byte was handed over. A stream that fits the buffers ends before its
//!   client has read it.
//!
//!   Measured with axum 0.8 and HTTP/1.1 over loopback on Linux 6.18, where send buffers grow to
//!   4 MiB by default. "Small" is 8 KiB requested by `SO_SNDBUF` on the listener and `SO_RCVBUF` on
//!   the client. Bytes handed over to a client that reads nothing, until polling stops:
//!
//!   | chunks of | default buffers | small send buffer | both small |
//!   |--:|--:|--:|--:|
//!   | 256 B | 3,833,856 | 141,312 | 28,416 |
//!   | 16 KiB | 3,932,160 | 376,832 | 278,528 |
//!
//!   A client that read 8 MiB steadily in 1.45 s was measured as holding up the stream for 0.7 to
//!   0.95 s with default buffers, and for 1.42 s of 1.48 s with both small. To measure again, run
//!   `cargo test -p stagelight-http --all-features --test http slow_readers -- --nocapture`. hyper
//!   itself queues up to 16 chunks, hence the last row. A small `SO_SNDBUF` shows slow clients
//!   sooner, at the price of throughput on connections with a high latency. HTTP/2 has windows of
//!   its own, which were not measured.
//! - *Work elsewhere.* A reader that gets `Pending` and does something else instead of waiting to
//!   be woken counts as waiting for the upstream until it polls again.
//! - *Relays.* The backend stream of a relay waits for its client both when the relay is busy and
//!   when the relay's own client is slow. `streaming.response.wait.client` distinguishes the two.
//! - *Meaning.* A keep-alive comment is a chunk. A reader that stops at `[DONE]` and drops the body
//!   before its end counts as cancelled. A response compressed on the fly has no length, so it is a
//!   stream.
//!
//! # Privacy
//!
//! Metrics carry the route template, never a path. Spans carry the path without the query, and of
//! the headers only `host` and `user-agent`.
//!
//! # What this crate does not do
//!
//! It opens no socket, starts no task and does not depend on OpenTelemetry: trace context goes
//! through [`Propagator`](stagelight_core::Propagator). A request that passes through two of its
//! layers is measured twice.

#![cfg_attr(docsrs, feature(doc_cfg))]

// In reading order: vocabulary, ends, then server, client and stages, which build on them.
mod conventions;
mod failure;
mod grpc;
mod outcome;
mod stream_timer;
mod end;
mod tracked_body;
mod server;
pub mod client;
mod in_stage;

pub use in_stage::{
    StageBodyExt, StageFuture, StageFutureExt, StageSpan, StageStream, StageStreamExt,
};
pub use server::{HttpLayer, HttpService, RequestBody, RequestId, ResponseFuture};
pub use tracked_body::TrackedBody;

/// Used by the expansion of [`stage_span!`]. Not public API.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}
