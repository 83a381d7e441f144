//! From the edges of one request's spans to its recorded values.
//!
//! Data flows one way, in the order of the modules below:
//!
//! 1. [`edge_buffer`]: starts and ends of stages (*edges*), appended while the request runs.
//! 2. [`shares`]: each instant attributed to the innermost open stages, in the order of time.
//! 3. [`recorder`]: ended stages and requests, written to the store.
//!
//! [`request_state`] drains 1 through 2 into 3, [`active_request`] decides when, and [`pool`]
//! reuses the memory.

mod identity;
mod edge_buffer;
mod shares;
mod recorder;
mod ended;
mod request_state;
mod active_request;
mod pool;
mod unmeasured;

pub(crate) use active_request::{ActiveRequest, ReleaseOutcome, Stale};
pub(crate) use edge_buffer::{StageCell, StageLabel};
pub(crate) use ended::{EndedRequest, EndedRequests};
pub(crate) use identity::RequestIdentity;
pub(crate) use pool::{Cache, MOST_OPEN, Pool};
pub(crate) use recorder::Recorder;
pub(crate) use request_state::MAX_STAGES;
pub(crate) use unmeasured::UnmeasuredRequests;

#[cfg(all(test, stagelight_model))]
mod model;
#[cfg(test)]
mod tests;
