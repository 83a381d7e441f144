//! The kinds of requests: what is sent, what the client does, and what that must count as.

mod table;

use crate::requests::{RawRequest, RequestGenerator};

pub(crate) use table::REQUEST_KINDS;

/// A kind of requests.
#[derive(Debug)]
pub(crate) struct RequestKind {
    pub(crate) name: &'static str,
    pub(crate) schedule: Schedule,
    pub(crate) request: fn(&mut RequestGenerator) -> RawRequest,
    pub(crate) behavior: ClientBehavior,
    /// All that a client may see of it, and what the service has attributes when it did. Anything else is a failure of the run.
    pub(crate) counts: &'static [(Observation, Option<Attributes>)],
}

/// When requests of a kind are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Until there were so many, several at once on one connection.
    Flood(Goal),
    /// All the time, as often as this beside the others.
    Quick(u32),
    /// All the time, by workers who mostly wait.
    Slow,
}

/// How many requests of a flood there have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Paths,
    Models,
    Jobs,
}

/// What a client does when it has sent its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientBehavior {
    /// Reads the answer.
    Reads,
    /// Reads the answer, having sent only a part of its request.
    StopsSending,
    /// Reads the answer little by little.
    ReadsSlowly,
    /// Asks whether it may send its body, sends it, and goes away before there is an answer. The `100 Continue` comes when the service reads: so it
    /// has the request.
    CancelsBeforeHead,
    /// Goes away as soon as it has sent its request.
    CancelsAtOnce,
    /// Goes away when it has begun to read the body.
    CancelsInBody,
    /// Reads the head and no more, lets the buffers fill up, and goes away.
    StopsReading,
}

/// What a client saw of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Observation {
    /// An answer with this status, to its last byte.
    Complete(u16),
    /// An answer with this status, that ended too soon.
    Truncated(u16),
    /// An answer of the server's own: the request never got to the service.
    Rejected(u16),
    /// A connection that ended without an answer.
    NoResponse,
    /// Its own leaving, before the answer's end.
    Cancelled,
    /// Its own leaving, before it could know whether the service had its request.
    CancelledEarly,
}

/// What a request counts as: the attributes of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attributes {
    pub(crate) method: &'static str,
    /// Empty when no route matched.
    pub(crate) route: &'static str,
    /// 0 when there was no response.
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
