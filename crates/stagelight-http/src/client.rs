//! Calls to backends, measured to the last byte of the response.
//!
//! A call is two stages: `backend_fetch`, from sending the request to the response head, and
//! `stream_processing`, from there to the last byte of the body. Both carry the `provider` and
//! `model` of the [`Backend`], and give `backend.ttfb` and `streaming.duration`. The whole call
//! gives `http.client.request.duration`, and a response of unknown length also
//! `streaming.backend.*`. The request carries the trace context of the `backend_fetch` span.
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
//! | no response | `timeout`, `connect` or `request` |
//! | body error | `timeout` or `body` |
//! | panic | `panic` |
//! | dropped before its end | –, or the status code as above |

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
