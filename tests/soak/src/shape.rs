//! The kinds of requests: what is sent, what the client does, and what that must count as.

mod table;

use crate::draw::{Ask, Draw};

pub(crate) use table::SHAPES;

/// A kind of requests.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    pub(crate) ask: fn(&mut Draw) -> Ask,
    pub(crate) manner: Manner,
    /// All that a client may see of it, and what the service has counted when it did. Anything else is a failure of the run.
    pub(crate) counts: &'static [(Sight, Option<Counted>)],
}

/// When requests of a kind are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
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
pub(crate) enum Manner {
    /// Reads the answer.
    Reads,
    /// Reads the answer, having sent only a part of its request.
    StopsSending,
    /// Reads the answer little by little.
    ReadsSlowly,
    /// Asks whether it may send its body, sends it, and goes away before there is an answer. The `100 Continue` comes when the service reads: so it
    /// has the request.
    LeavesBeforeHead,
    /// Goes away as soon as it has sent its request.
    LeavesAtOnce,
    /// Goes away when it has begun to read the body.
    LeavesMidBody,
    /// Reads the head and no more, lets the buffers fill up, and goes away.
    StopsReading,
}

/// What a client saw of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// An answer with this status, to its last byte.
    Whole(u16),
    /// An answer with this status, that ended too soon.
    Cut(u16),
    /// An answer of the server's own: the request never got to the service.
    Refused(u16),
    /// A connection that ended without an answer.
    Lost,
    /// Its own leaving, before the answer's end.
    Left,
    /// Its own leaving, before it could know whether the service had its request.
    LeftUnheard,
}

/// What a request counts as: the attributes of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    pub(crate) method: &'static str,
    /// Empty when no route matched.
    pub(crate) route: &'static str,
    /// 0 when there was no response.
    pub(crate) status: u16,
    /// Empty on success.
    pub(crate) error: &'static str,
    pub(crate) outcome: &'static str,
}

// === impl Counted ===

impl Counted {
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
