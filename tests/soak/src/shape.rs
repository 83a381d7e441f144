//! Kinds of requests, with client behaviour and expected counts.

mod table;

use crate::requests::{RawRequest, RequestGenerator};

pub(crate) use table::REQUEST_KINDS;

/// A kind of request.
#[derive(Debug)]
pub(crate) struct RequestKind {
    pub(crate) name: &'static str,
    pub(crate) schedule: Schedule,
    pub(crate) request: fn(&mut RequestGenerator) -> RawRequest,
    pub(crate) behavior: ClientBehavior,
    /// The possible observations, each with the attributes of the counted request. Any other
    /// observation fails the run.
    pub(crate) counts: &'static [(Observation, Option<Attributes>)],
}

/// When requests of a kind are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Pipelined, up to a number of requests.
    Flood(Goal),
    /// At any time, with this weight.
    Quick(u32),
    /// At any time, by workers that mostly wait.
    Slow,
}

/// The number of requests of a flood, from the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Paths,
    Models,
    Jobs,
}

/// A client's behaviour after sending its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientBehavior {
    /// Reads the response.
    Reads,
    /// Sends a part of the request, then reads the response.
    StopsSending,
    /// Reads the response slowly.
    ReadsSlowly,
    /// Expects `100 Continue`, sends the body, and disconnects before the response. The service has
    /// the request, because it sends `100 Continue` when it reads the body.
    CancelsBeforeHead,
    /// Disconnects right after sending the request.
    CancelsAtOnce,
    /// Disconnects after the start of the response body.
    CancelsInBody,
    /// Reads only the head until the buffers are full, then disconnects.
    StopsReading,
}

/// A client's observation of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Observation {
    /// A complete response with this status.
    Complete(u16),
    /// A truncated response with this status.
    Truncated(u16),
    /// A response of the HTTP server: the request did not reach the service.
    Rejected(u16),
    /// The connection ended without a response.
    NoResponse,
    /// The client disconnected before the end of the response.
    Cancelled,
    /// The client disconnected before it could know whether the service had the request.
    CancelledEarly,
}

/// The attributes of a counted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attributes {
    pub(crate) method: &'static str,
    /// Empty if no route matched.
    pub(crate) route: &'static str,
    /// 0 without a response.
    pub(crate) status: u16,
    /// Empty on success.
    pub(crate) error: &'static str,
    pub(crate) outcome: &'static str,
}

// === impl Attributes ===

impl Attributes {
    const fn new(method: &'static str, route: &'static str, status: u16) -> Self {
        Self { method, route, status, error: "", outcome: "ok" }
    }

    const fn with(self, outcome: &'static str, error: &'static str) -> Self {
        Self { error, outcome, ..self }
    }

    /// Returns the value of the label `endpoint`.
    pub(crate) const fn endpoint(self) -> &'static str {
        if self.route.is_empty() { "unmatched" } else { self.route }
    }
}
