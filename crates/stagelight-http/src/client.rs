//! Calls to backends, measured to the last byte of the response.
//!
//! A call is two stages: `backend_fetch`, from sending the request to the response head, and
//! `stream_processing`, from there to the last byte of the body. Both carry the `provider` and
//! `model` of the [`Backend`], and give `backend.ttfb` and `streaming.duration`. The whole call
//! gives `http.client.request.duration`, and a response of unknown length also
//! `streaming.backend.*`. A call without a response head has no `backend.ttfb`; its time and
//! `error.type` are in `request.stage.duration`, `request.stage.errors` and
//! `http.client.request.duration`. The request carries the trace context of the `backend_fetch`
//! span.
//!
//! | Client | Use |
//! |---|---|
//! | reqwest (feature `reqwest`) | `Backend::send` |
//! | any tower service | [`HttpClientLayer`] |
//! | any other | [`Backend::start`], [`ClientRequest::response_head`], [`ClientResponse::body`] |
//!
//! Both stages are children of the current span at the start of the call. `tracing` keeps a
//! parent open until its children close, so a stage around a call lasts as long as the response
//! body.
//!
//! # When a call ends
//!
//! | Event | `error.type` of the metric and of the stage that ends |
//! |---|---|
//! | last byte or trailers read | – |
//! | status 400 or above | the status code, on `backend_fetch`; the call goes on to the last byte |
//! | gRPC status other than `OK` in the trailers | its name, such as `UNAVAILABLE` |
//! | the same in the head of a response without a body | its name, on `backend_fetch` |
//! | end of a gRPC response (200) without a status | `UNKNOWN` |
//! | no response | `timeout`, `connect` or `request` |
//! | error of the client's `poll_ready`, only in the metrics of the stage | the same |
//! | dropped before the response head | `cancelled` |
//! | body error, or end before the exact length | `timeout` or `body` |
//! | panic | `panic` |
//! | dropped before the last byte | –, or the status code as above |
//!
//! A time limit outside of the client, such as `tokio::time::timeout` around `Backend::send`, drops
//! the call: it counts as `cancelled`, with the time spent. So does a call whose own request is
//! cancelled because its client disconnected. OpenTelemetry defines no value of `error.type` for
//! this case, and allows one that names it.
//!
//! `backend.ttfb` counts each `backend_fetch` without an `error.type`, or with a status code (three
//! digits) as its `error.type`. The same holds for spans of your own: a function with
//! `#[stage("backend_fetch")]` that returns an error has no `backend.ttfb`. Dropping such a
//! function records one, because it ends without an error; dropping a future with
//! `in_stage("backend_fetch")` records none.

// In reading order: the backend, then a call. The server side has the same five files.
mod backend;
mod layer;
mod service;
mod future;
mod body;
mod request;
mod record;
mod target;

pub use backend::Backend;
pub use body::ClientResponse;
pub use future::ClientResponseFuture;
pub use layer::HttpClientLayer;
pub use request::ClientRequest;
pub use service::HttpClientService;
