//! The server side: [`HttpLayer`] and the types it wraps requests in.
//!
//! A request passes through `layer`, `service`, `future` and `body` in this order. `request` holds
//! its state. The client side has the same five files.

mod layer;
mod service;
mod queue;
mod future;
mod body;
mod request;
mod route;
mod request_id;
mod span;
mod access_log;

pub use body::RequestBody;
pub use future::ResponseFuture;
pub use layer::HttpLayer;
pub use request_id::RequestId;
pub use service::HttpService;
