//! Calls to backends, measured to the last byte of the answer.
//!
//! A [`Call`] says whom is called. Sent with it, a request becomes two stages: `backend_fetch` from sending to the
//! response's head, and `stream_processing` from there to the last byte of the body. Both have `provider` and `model`, so
//! they give `backend.ttfb` and `streaming.duration`, and of an answer whose length is not known `streaming.backend.*`; the whole gives
//! `http.client.request.duration`. The request carries the trace context of its `backend_fetch` span.
//!
//! | Client | How |
//! |---|---|
//! | reqwest (feature `reqwest`) | `Call::send` |
//! | any tower service | [`HttpClientLayer`] |
//! | anything else | [`Call::begin`], then [`Exchange::head`], then [`Answer::body`] |
//!
//! Both stages are children of the span that is current when the call begins. `tracing` keeps a parent open until its children
//! are closed, so a stage put around a call lasts as long as the answer's body.
//!
//! # When a call ends
//!
//! | What happens | `error.type` of the metric and of the stage that it ends |
//! |---|---|
//! | the last byte, or the trailers, were read | – |
//! | a status of 400 or above | the status code (of `backend_fetch`; the call goes on to the last byte) |
//! | no response | `timeout`, `connect` or `request` |
//! | the body breaks off | `timeout` or `body` |
//! | the code panics | `panic` |
//! | dropped before its end | –, or the status code as above |

mod call;
mod target;
mod ending;
mod exchange;
mod body;
mod layer;
mod future;
#[cfg(feature = "reqwest")]
mod reqwest;

pub use body::MeasuredBody;
pub use call::Call;
pub use exchange::{Answer, Exchange};
pub use future::ClientResponseFuture;
pub use layer::{HttpClientLayer, HttpClientService};
