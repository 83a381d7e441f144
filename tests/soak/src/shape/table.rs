//! All kinds of requests.

use rand::RngExt;

use super::{Counted, Goal, Manner, Part, Shape, Sight};
use crate::{
    draw::{Ask, KEY},
    service,
};
use Manner::{
    LeavesAtOnce, LeavesBeforeHead, LeavesMidBody, Reads, ReadsSlowly, StopsReading, StopsSending,
};
use Part::{Flood, Quick, Slow};
use Sight::{Cut, Left, LeftUnheard, Lost, Refused, Whole};

const CHAT: &str = "/v1/chat/completions";
const MODEL: &str = "northwind-mini";

/// Larger than what hyper takes for a request's head.
const HUGE: usize = 600 * 1024;

const fn chat(status: u16) -> Counted {
    Counted::new("POST", CHAT, status)
}

const fn get(route: &'static str, status: u16) -> Counted {
    Counted::new("GET", route, status)
}

/// All that is sent in a run.
pub(crate) const SHAPES: &[Shape] = &[
    // --- floods of names ---
    Shape {
        name: "distinct paths",
        part: Flood(Goal::Paths),
        ask: |it| {
            let number = it.next(|it| &it.paths);
            it.ask(&format!("GET /rawpath/{number:x}/of?soak-secret={number}"), &[], b"")
        },
        manner: Reads,
        counts: &[(Whole(404), Some(get("", 404)))],
    },
    Shape {
        name: "distinct models, refused by the gateway",
        part: Flood(Goal::Models),
        ask: |it| {
            let number = it.next(|it| &it.unknown_models);
            it.completion(&format!("nomodel-{number}"), false, "tokens=1")
        },
        manner: Reads,
        counts: &[(Whole(404), Some(chat(404)))],
    },
    Shape {
        name: "distinct models as attributes",
        part: Flood(Goal::Models),
        ask: |it| {
            let number = it.next(|it| &it.models);
            it.ask(&format!("GET /soak/model/m-{number}"), &[], b"")
        },
        manner: Reads,
        counts: &[(Whole(200), Some(get(service::MODEL, 200)))],
    },
    Shape {
        name: "jobs and stages with many names",
        part: Flood(Goal::Jobs),
        ask: |it| {
            let number = it.next(|it| &it.jobs);
            let (job, stage) = (number % service::JOBS, number / service::JOBS % service::STEPS);
            it.ask(&format!("GET /soak/job/{job}/{stage}"), &[], b"")
        },
        manner: Reads,
        counts: &[(Whole(200), Some(get(service::JOB, 200)))],
    },
    // --- answers that are quick ---
    Shape {
        name: "whole completion",
        part: Quick(20),
        ask: |it| it.completion(MODEL, false, "ttft=1ms,tokens=3,token-interval=0ms"),
        manner: Reads,
        counts: &[(Whole(200), Some(chat(200)))],
    },
    Shape {
        name: "streamed completion",
        part: Quick(20),
        ask: |it| it.completion(MODEL, true, "ttft=1ms,tokens=12,token-interval=1ms"),
        manner: Reads,
        counts: &[(Whole(200), Some(chat(200)))],
    },
    Shape {
        name: "list of models",
        part: Quick(10),
        ask: |it| it.ask("GET /v1/models", &[&format!("authorization: Bearer {KEY}")], b""),
        manner: Reads,
        counts: &[(Whole(200), Some(get("/v1/models", 200)))],
    },
    Shape {
        name: "wrong key",
        part: Quick(10),
        ask: |it| it.ask(&format!("POST {CHAT}"), &["authorization: Bearer soak-secret-no"], b"{}"),
        manner: Reads,
        counts: &[(Whole(401), Some(chat(401)))],
    },
    Shape {
        name: "body that is no JSON",
        part: Quick(5),
        ask: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.ask(&format!("POST {CHAT}"), &[&key], b"{\"model\": soak-secret")
        },
        manner: Reads,
        counts: &[(Whole(400), Some(chat(400)))],
    },
    Shape {
        name: "body too large",
        part: Quick(1),
        ask: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.ask(&format!("POST {CHAT}"), &[&key], &vec![b' '; 1_100_000])
        },
        manner: Reads,
        counts: &[(Whole(413), Some(chat(413)))],
    },
    Shape {
        name: "method of its own",
        part: Quick(5),
        ask: |it| {
            let number: u32 = it.rng.random();
            it.ask(&format!("BREW{number} {CHAT}"), &[], b"")
        },
        manner: Reads,
        counts: &[(Whole(405), Some(Counted::new("_OTHER", CHAT, 405)))],
    },
    Shape {
        name: "provider fails",
        part: Quick(10),
        ask: |it| it.completion(MODEL, true, "ttft=0ms,error=500"),
        manner: Reads,
        counts: &[(Whole(502), Some(chat(502).with("error", "502")))],
    },
    Shape {
        name: "provider is busy",
        part: Quick(10),
        ask: |it| it.completion(MODEL, true, "ttft=0ms,error=429"),
        manner: Reads,
        counts: &[(Whole(429), Some(chat(429)))],
    },
    Shape {
        name: "provider breaks off",
        part: Quick(10),
        ask: |it| it.completion(MODEL, true, "ttft=0ms,tokens=9,token-interval=0ms,break-after=4"),
        manner: Reads,
        counts: &[(Cut(200), Some(chat(200).with("error", "body")))],
    },
    Shape {
        name: "handler panics",
        part: Quick(5),
        ask: |it| it.ask(&format!("GET {}", service::PANIC), &[], b""),
        manner: Reads,
        counts: &[(Whole(500), Some(get(service::PANIC, 500).with("panic", "500")))],
    },
    Shape {
        name: "body panics",
        part: Quick(5),
        ask: |it| it.ask(&format!("GET {}", service::BODY_PANIC), &[], b""),
        manner: Reads,
        counts: &[(Cut(200), Some(get(service::BODY_PANIC, 200).with("panic", "panic")))],
    },
    Shape {
        name: "body fails",
        part: Quick(5),
        ask: |it| it.ask(&format!("GET {}", service::BODY_ERROR), &[], b""),
        manner: Reads,
        counts: &[(Cut(200), Some(get(service::BODY_ERROR, 200).with("error", "body")))],
    },
    Shape {
        name: "body reaches its time limit",
        part: Quick(5),
        ask: |it| it.ask(&format!("GET {}", service::BODY_LIMIT), &[], b""),
        manner: Reads,
        counts: &[(Cut(200), Some(get(service::BODY_LIMIT, 200).with("timeout", "timeout")))],
    },
    Shape {
        name: "stage outside of any request",
        part: Quick(5),
        ask: |it| it.ask(&format!("GET {}", service::OUTSIDE), &[], b""),
        manner: Reads,
        counts: &[(Whole(200), Some(get(service::OUTSIDE, 200)))],
    },
    // --- what the server itself refuses ---
    Shape {
        name: "head too large",
        part: Quick(1),
        ask: |it| {
            let id = "i".repeat(HUGE);
            Ask { id: None, ..it.ask("GET /v1/models", &[&format!("x-request-id: {id}")], b"") }
        },
        manner: Reads,
        // Closing while the client still sends, the server may take its own answer away.
        counts: &[
            (Refused(431), None),
            (Lost, None),
            // hyper looks at the size when it has to read on; if all of it came at once, it does not.
            (Whole(401), Some(get("/v1/models", 401))),
        ],
    },
    Shape {
        name: "no HTTP",
        part: Quick(2),
        ask: |it| {
            let length = it.rng.random_range(1..64);
            let mut bytes = vec![b'\0'];
            bytes.extend((0..length).map(|_| it.rng.random::<u8>()));
            bytes.extend_from_slice(b"\r\n\r\n");
            Ask { bytes, id: None }
        },
        manner: Reads,
        counts: &[(Refused(400), None), (Lost, None)],
    },
    // --- cancels ---
    Shape {
        name: "client leaves before the head",
        part: Quick(8),
        ask: |it| it.completion_on_leave(MODEL, "ttft=60s"),
        manner: LeavesBeforeHead,
        counts: &[
            (Left, Some(Counted { status: 0, ..chat(0).with("cancelled", "") })),
            // The client was too late to leave.
            (Whole(504), Some(chat(504).with("timeout", "504"))),
        ],
    },
    Shape {
        name: "client leaves at once",
        part: Quick(8),
        ask: |it| it.ask(&format!("GET {}", service::NEVER), &[], b""),
        manner: LeavesAtOnce,
        counts: &[(LeftUnheard, None)],
    },
    Shape {
        name: "client leaves in the body",
        part: Quick(8),
        ask: |it| it.completion(MODEL, true, "ttft=0ms,tokens=3000,token-interval=20ms"),
        manner: LeavesMidBody,
        counts: &[(Left, Some(chat(200).with("cancelled", "")))],
    },
    Shape {
        name: "client stops reading and leaves",
        part: Slow,
        ask: |it| it.ask("GET /soak/bytes/1024", &[], b""),
        manner: StopsReading,
        counts: &[(Left, Some(get(service::BYTES, 200).with("cancelled", "")))],
    },
    // --- slow ones ---
    Shape {
        name: "client reads slowly",
        part: Slow,
        ask: |it| it.ask("GET /soak/bytes/8", &[], b""),
        manner: ReadsSlowly,
        counts: &[(Whole(200), Some(get(service::BYTES, 200)))],
    },
    Shape {
        name: "provider does not answer in time",
        part: Slow,
        ask: |it| it.completion(MODEL, true, "ttft=60s"),
        manner: Reads,
        counts: &[(Whole(504), Some(chat(504).with("timeout", "504")))],
    },
    Shape {
        name: "provider stalls",
        part: Slow,
        ask: |it| {
            it.completion(MODEL, true, "ttft=0ms,tokens=9,token-interval=0ms,stall-after=4:60s")
        },
        manner: Reads,
        counts: &[(Cut(200), Some(chat(200).with("timeout", "timeout")))],
    },
    Shape {
        name: "client does not send its body",
        part: Slow,
        ask: |it| {
            let key = format!("authorization: Bearer {KEY}");
            it.ask(&format!("POST {CHAT}"), &[&key, "content-length: 1000"], b"")
        },
        manner: StopsSending,
        counts: &[(Whole(408), Some(chat(408).with("timeout", "timeout")))],
    },
];
