//! All kinds of requests.

use rand::RngExt;

use super::{Attributes, ClientBehavior, Goal, Observation, RequestKind, Schedule};
use crate::{
    requests::{KEY, RawRequest},
    service,
};
use ClientBehavior::{
    CancelsAtOnce, CancelsBeforeHead, CancelsInBody, Reads, ReadsSlowly, StopsReading, StopsSending,
};
use Observation::{Cancelled, CancelledEarly, Complete, NoResponse, Rejected, Truncated};
use Schedule::{Flood, Quick, Slow};

const CHAT: &str = "/v1/chat/completions";
const MODEL: &str = "northwind-mini";

/// Larger than hyper's limit for a request head.
const HUGE: usize = 600 * 1024;

const fn chat(status: u16) -> Attributes {
    Attributes::new("POST", CHAT, status)
}

const fn get(route: &'static str, status: u16) -> Attributes {
    Attributes::new("GET", route, status)
}

/// All kinds of requests in a run.
pub(crate) const REQUEST_KINDS: &[RequestKind] = &[
    // --- floods of names ---
    RequestKind {
        name: "distinct paths",
        schedule: Flood(Goal::Paths),
        request: |it| {
            let number = it.next(|it| &it.paths);
            it.request(&format!("GET /rawpath/{number:x}/of?soak-secret={number}"), &[], b"")
        },
        behavior: Reads,
        counts: &[(Complete(404), Some(get("", 404)))],
    },
    RequestKind {
        name: "distinct models, rejected by the gateway",
        schedule: Flood(Goal::Models),
        request: |it| {
            let number = it.next(|it| &it.unknown_models);
            it.completion(&format!("nomodel-{number}"), false, "tokens=1")
        },
        behavior: Reads,
        counts: &[(Complete(404), Some(chat(404)))],
    },
    RequestKind {
        name: "distinct models as attributes",
        schedule: Flood(Goal::Models),
        request: |it| {
            let number = it.next(|it| &it.models);
            it.request(&format!("GET /soak/model/m-{number}"), &[], b"")
        },
        behavior: Reads,
        counts: &[(Complete(200), Some(get(service::MODEL, 200)))],
    },
    RequestKind {
        name: "jobs and stages with many names",
        schedule: Flood(Goal::Jobs),
        request: |it| {
            let number = it.next(|it| &it.jobs);
            let (job, stage) = (number % service::JOBS, number / service::JOBS % service::STEPS);
            it.request(&format!("GET /soak/job/{job}/{stage}"), &[], b"")
        },
        behavior: Reads,
        counts: &[(Complete(200), Some(get(service::JOB, 200)))],
    },
    // --- fast responses ---
    RequestKind {
        name: "completion",
        schedule: Quick(20),
        request: |it| it.completion(MODEL, false, "ttft=1ms,tokens=3,token-interval=0ms"),
        behavior: Reads,
        counts: &[(Complete(200), Some(chat(200)))],
    },
    RequestKind {
        name: "streamed completion",
        schedule: Quick(20),
        request: |it| it.completion(MODEL, true, "ttft=1ms,tokens=12,token-interval=1ms"),
        behavior: Reads,
        counts: &[(Complete(200), Some(chat(200)))],
    },
    RequestKind {
        name: "list of models",
        schedule: Quick(10),
        request: |it| it.request("GET /v1/models", &[&format!("authorization: Bearer {KEY}")], b""),
        behavior: Reads,
        counts: &[(Complete(200), Some(get("/v1/models", 200)))],
    },
    RequestKind {
        name: "wrong key",
        schedule: Quick(10),
        request: |it| {
            it.request(&format!("POST {CHAT}"), &["authorization: Bearer soak-secret-no"], b"{}")
        },
        behavior: Reads,
        counts: &[(Complete(401), Some(chat(401)))],
    },
    RequestKind {
        name: "body that is not JSON",
        schedule: Quick(5),
        request: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.request(&format!("POST {CHAT}"), &[&key], b"{\"model\": soak-secret")
        },
        behavior: Reads,
        counts: &[(Complete(400), Some(chat(400)))],
    },
    RequestKind {
        name: "body too large",
        schedule: Quick(1),
        request: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.request(&format!("POST {CHAT}"), &[&key], &vec![b' '; 1_100_000])
        },
        behavior: Reads,
        counts: &[(Complete(413), Some(chat(413)))],
    },
    RequestKind {
        name: "custom method",
        schedule: Quick(5),
        request: |it| {
            let number: u32 = it.rng.random();
            it.request(&format!("BREW{number} {CHAT}"), &[], b"")
        },
        behavior: Reads,
        counts: &[(Complete(405), Some(Attributes::new("_OTHER", CHAT, 405)))],
    },
    RequestKind {
        name: "provider fails",
        schedule: Quick(10),
        request: |it| it.completion(MODEL, true, "ttft=0ms,error=500"),
        behavior: Reads,
        counts: &[(Complete(502), Some(chat(502).with("error", "502")))],
    },
    RequestKind {
        name: "provider is busy",
        schedule: Quick(10),
        request: |it| it.completion(MODEL, true, "ttft=0ms,error=429"),
        behavior: Reads,
        counts: &[(Complete(429), Some(chat(429)))],
    },
    RequestKind {
        name: "provider disconnects",
        schedule: Quick(10),
        request: |it| {
            it.completion(MODEL, true, "ttft=0ms,tokens=9,token-interval=0ms,break-after=4")
        },
        behavior: Reads,
        counts: &[(Truncated(200), Some(chat(200).with("error", "body")))],
    },
    RequestKind {
        name: "handler panics",
        schedule: Quick(5),
        request: |it| it.request(&format!("GET {}", service::PANIC), &[], b""),
        behavior: Reads,
        counts: &[(Complete(500), Some(get(service::PANIC, 500).with("panic", "500")))],
    },
    RequestKind {
        name: "body panics",
        schedule: Quick(5),
        request: |it| it.request(&format!("GET {}", service::BODY_PANIC), &[], b""),
        behavior: Reads,
        counts: &[(Truncated(200), Some(get(service::BODY_PANIC, 200).with("panic", "panic")))],
    },
    RequestKind {
        name: "body fails",
        schedule: Quick(5),
        request: |it| it.request(&format!("GET {}", service::BODY_ERROR), &[], b""),
        behavior: Reads,
        counts: &[(Truncated(200), Some(get(service::BODY_ERROR, 200).with("error", "body")))],
    },
    RequestKind {
        name: "body times out",
        schedule: Quick(5),
        request: |it| it.request(&format!("GET {}", service::BODY_LIMIT), &[], b""),
        behavior: Reads,
        counts: &[(Truncated(200), Some(get(service::BODY_LIMIT, 200).with("timeout", "timeout")))],
    },
    RequestKind {
        name: "stage outside of any request",
        schedule: Quick(5),
        request: |it| it.request(&format!("GET {}", service::OUTSIDE), &[], b""),
        behavior: Reads,
        counts: &[(Complete(200), Some(get(service::OUTSIDE, 200)))],
    },
    // --- rejected by the HTTP server ---
    RequestKind {
        name: "head too large",
        schedule: Quick(1),
        request: |it| {
            let id = "i".repeat(HUGE);
            RawRequest {
                id: None,
                ..it.request("GET /v1/models", &[&format!("x-request-id: {id}")], b"")
            }
        },
        behavior: Reads,
        // If the server closes while the client is sending, its response may be lost.
        counts: &[
            (Rejected(431), None),
            (NoResponse, None),
            // hyper checks the size before it reads more, not if it has read all at once.
            (Complete(401), Some(get("/v1/models", 401))),
        ],
    },
    RequestKind {
        name: "not HTTP",
        schedule: Quick(2),
        request: |it| {
            let length = it.rng.random_range(1..64);
            let mut bytes = vec![b'\0'];
            bytes.extend((0..length).map(|_| it.rng.random::<u8>()));
            bytes.extend_from_slice(b"\r\n\r\n");
            RawRequest { bytes, id: None }
        },
        behavior: Reads,
        counts: &[(Rejected(400), None), (NoResponse, None)],
    },
    // --- cancels ---
    RequestKind {
        name: "client disconnects before the head",
        schedule: Quick(8),
        request: |it| it.completion_with_continue(MODEL, "ttft=60s"),
        behavior: CancelsBeforeHead,
        counts: &[
            (Cancelled, Some(Attributes { status: 0, ..chat(0).with("cancelled", "") })),
            // The client cancelled too late.
            (Complete(504), Some(chat(504).with("timeout", "504"))),
        ],
    },
    RequestKind {
        name: "client disconnects at once",
        schedule: Quick(8),
        request: |it| it.request(&format!("GET {}", service::NEVER), &[], b""),
        behavior: CancelsAtOnce,
        counts: &[(CancelledEarly, None)],
    },
    RequestKind {
        name: "client disconnects in the body",
        schedule: Quick(8),
        request: |it| it.completion(MODEL, true, "ttft=0ms,tokens=3000,token-interval=20ms"),
        behavior: CancelsInBody,
        counts: &[(Cancelled, Some(chat(200).with("cancelled", "")))],
    },
    RequestKind {
        name: "client stops reading and disconnects",
        schedule: Slow,
        request: |it| it.request("GET /soak/bytes/1024", &[], b""),
        behavior: StopsReading,
        counts: &[(Cancelled, Some(get(service::BYTES, 200).with("cancelled", "")))],
    },
    // --- slow ---
    RequestKind {
        name: "client reads slowly",
        schedule: Slow,
        request: |it| it.request("GET /soak/bytes/8", &[], b""),
        behavior: ReadsSlowly,
        counts: &[(Complete(200), Some(get(service::BYTES, 200)))],
    },
    RequestKind {
        name: "provider times out",
        schedule: Slow,
        request: |it| it.completion(MODEL, true, "ttft=60s"),
        behavior: Reads,
        counts: &[(Complete(504), Some(chat(504).with("timeout", "504")))],
    },
    RequestKind {
        name: "provider stalls",
        schedule: Slow,
        request: |it| {
            it.completion(MODEL, true, "ttft=0ms,tokens=9,token-interval=0ms,stall-after=4:60s")
        },
        behavior: Reads,
        counts: &[(Truncated(200), Some(chat(200).with("timeout", "timeout")))],
    },
    RequestKind {
        name: "client does not send its body",
        schedule: Slow,
        request: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.request(&format!("POST {CHAT}"), &[&key, "content-length: 1000"], b"")
        },
        behavior: StopsSending,
        counts: &[(Complete(408), Some(chat(408).with("timeout", "timeout")))],
    },
];
