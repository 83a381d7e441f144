//! One request's edges, and what they add up to.
//!
//! While a request runs, its stages' starts and ends (*edges*) are only noted down, with the time, by the thread that it began on
//! ([`notes`]) or by any other ([`ledger`]); [`record`] decides which. When it ends they are gone through once, in order of time, and
//! every instant is given to the innermost stages open in it; see [`sweep`]. Records are made in pages and used again; see [`pool`].

mod shares;
mod edge;
mod stage_cell;
mod recorder;
mod edge_buffer;
mod request_state;
mod active_request;
mod pool;
mod trace_cell;

pub(crate) use active_request::{ActiveRequest, ReleaseOutcome};
pub(crate) use pool::Pool;
pub(crate) use recorder::Recorder;
pub(crate) use request_state::MAX_STAGES;
pub(crate) use stage_cell::StageLabel;

#[cfg(test)]
mod tests;
#[cfg(all(test, stagelight_model))]
mod model;
