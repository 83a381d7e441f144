//! Requests of known shape, and what has to be counted of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    caller::{Answer, Caller, Chat},
    prometheus::Labels,
};

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

const AUTH: &str = "auth_validation";
const PARSING: &str = "request_parsing";
const PREPARATION: &str = "request_preparation";
const FETCH: &str = "backend_fetch";
const STREAM: &str = "stream_processing";

/// What every stream that is sent has a value of.
const STREAMS: [&str; 3] = [
    "streaming_response_chunks",
    "streaming_response_wait_upstream_seconds",
    "streaming_response_wait_client_seconds",
];
/// What every stream that is read has a value of.
const STREAMS_OF_BACKENDS: [&str; 3] = [
    "streaming_backend_chunks",
    "streaming_backend_wait_upstream_seconds",
    "streaming_backend_wait_client_seconds",
];

/// Requests that are alike.
#[derive(Debug)]
pub(crate) struct Known {
    times: u64,
    method: &'static str,
    /// `None` if no route matches.
    route: Option<&'static str>,
    send: Send,
    status: u16,
    outcome: &'static str,
    /// `error.type` of the request as a whole.
    error: Option<&'static str>,
    /// The stages it passes.
    stages: &'static [&'static str],
    /// The stage that fails, and its `error.type`.
    stage_error: Option<(&'static str, &'static str)>,
    /// What the gateway's own call ends with, if it makes one.
    call: Option<Call>,
}

/// How a request is made.
#[derive(Debug)]
enum Send {
    Chat(Chat),
    /// Reads so many lines, and goes away.
    ChatAndLeave(Chat, usize),
    Body(Value),
    Get(&'static str),
    WithWrongKey,
}

/// A call to a provider.
#[derive(Clone, Copy, Debug)]
struct Call {
    provider: &'static str,
    model: &'static str,
    /// `None` if no response came.
    status: Option<u16>,
    error: Option<&'static str>,
}

/// What Prometheus has to show: for each metric, each series' count.
pub(crate) type Counts = BTreeMap<&'static str, BTreeMap<Labels, u64>>;

/// Requests that end in every way there is, in all stages, on two providers with three models.
pub(crate) fn all() -> Vec<Known> {
    answered().into_iter().chain(refused()).chain(failed()).collect()
}

fn answered() -> Vec<Known> {
    let small = "ttft=20ms,tokens=3,token-interval=5ms";
    vec![
        Known::ok(4, "northwind", Chat::streamed("northwind-large", small)),
        Known::ok(3, "northwind", Chat::whole("northwind-mini", small)),
        Known::ok(2, "northwind", Chat::streamed("northwind-mini", small)),
        Known::ok(2, "halcyon", Chat::streamed("halcyon-chat", small)),
        Known::ok(1, "halcyon", Chat::whole("halcyon-chat", small)),
        Known::get(5, MODELS, 200, Some(MODELS), &[AUTH]),
    ]
}

fn refused() -> Vec<Known> {
    let without_messages = Send::Body(json!({"model": "halcyon-chat", "messages": []}));
    let too_large = Send::Body(json!({"model": "x".repeat(2 << 20)}));
    let unknown_model = Send::Chat(Chat::whole("no-such-model", ""));
    let all_of_ours = &[AUTH, PARSING, PREPARATION];
    vec![
        Known::get(1, "/v1/nothing", 404, None, &[]),
        Known::get(1, CHAT, 405, Some(CHAT), &[]),
        Known::refused(3, 401, Send::WithWrongKey, &[AUTH], "invalid_api_key"),
        Known::refused(2, 400, without_messages, &[AUTH, PARSING], "invalid_value"),
        Known::refused(1, 404, unknown_model, all_of_ours, "model_not_found"),
        Known::refused(1, 413, too_large, &[AUTH, PARSING], "request_too_large"),
    ]
}

fn failed() -> Vec<Known> {
    vec![
        // A provider's 429 is passed on, with its body.
        Known {
            status: 429,
            stage_error: Some((FETCH, "429")),
            call: Some(Call::failed("northwind-mini", Some(429), "429")),
            ..Known::ok(1, "northwind", Chat::whole("northwind-mini", "ttft=0s,error=429"))
        },
        // Its failure becomes ours.
        Known {
            status: 502,
            outcome: "error",
            error: Some("502"),
            stage_error: Some((FETCH, "500")),
            call: Some(Call::failed("northwind-large", Some(500), "500")),
            ..Known::ok(2, "northwind", Chat::whole("northwind-large", "ttft=0s,error=500"))
        },
        // The gateway waits for a second.
        Known {
            status: 504,
            outcome: "timeout",
            error: Some("504"),
            stages: &[AUTH, PARSING, PREPARATION, FETCH],
            stage_error: Some((FETCH, "timeout")),
            call: Some(Call::failed("northwind-large", None, "timeout")),
            ..Known::ok(1, "northwind", Chat::whole("northwind-large", "ttft=5s"))
        },
        // The provider hangs up in mid-stream.
        Known {
            outcome: "error",
            error: Some("body"),
            stage_error: Some((STREAM, "body")),
            call: Some(Call::failed("northwind-mini", Some(200), "body")),
            ..Known::ok(1, "northwind", Chat::streamed("northwind-mini", "ttft=0s,break-after=2"))
        },
        Known::left(1, Chat::streamed("northwind-mini", "tokens=1000,token-interval=10ms")),
    ]
}

/// Sends all of them, one after the other.
pub(crate) fn send(known: &[Known], caller: &Caller) {
    for it in known {
        for _ in 0..it.times {
            it.send(caller);
        }
    }
}

/// Returns how many requests there are.
pub(crate) fn total(known: &[Known]) -> u64 {
    known.iter().map(|it| it.times).sum()
}

/// Returns what has to be shown for them; `upstream_port` is where the provider listens.
pub(crate) fn expected(known: &[Known], upstream_port: &str) -> Counts {
    let mut counts = Counts::new();
    for it in known {
        it.count(&mut counts, upstream_port);
    }
    counts
}

// === impl Known ===

impl Known {
    /// A request for a completion that passes all stages.
    fn ok(times: u64, provider: &'static str, chat: Chat) -> Self {
        Self {
            times,
            method: "POST",
            route: Some(CHAT),
            status: 200,
            outcome: "ok",
            error: None,
            stages: &[AUTH, PARSING, PREPARATION, FETCH, STREAM],
            stage_error: None,
            call: Some(Call { provider, model: chat.model, status: Some(200), error: None }),
            send: Send::Chat(chat),
        }
    }

    /// One whose caller goes away in the middle.
    fn left(times: u64, chat: Chat) -> Self {
        let ok = Self::ok(times, "northwind", chat.clone());
        Self { outcome: "cancelled", send: Send::ChatAndLeave(chat, 10), ..ok }
    }

    /// One that is refused by its last stage.
    fn refused(
        times: u64,
        status: u16,
        send: Send,
        stages: &'static [&'static str],
        error: &'static str,
    ) -> Self {
        let stage_error = stages.last().map(|&stage| (stage, error));
        let get = Self::get(times, CHAT, status, Some(CHAT), stages);
        Self { method: "POST", send, stage_error, ..get }
    }

    fn get(
        times: u64,
        path: &'static str,
        status: u16,
        route: Option<&'static str>,
        stages: &'static [&'static str],
    ) -> Self {
        Self {
            times,
            method: "GET",
            route,
            send: Send::Get(path),
            status,
            outcome: "ok",
            error: None,
            stages,
            stage_error: None,
            call: None,
        }
    }

    /// Returns whether it is answered bit by bit.
    fn is_stream(&self) -> bool {
        matches!(&self.send, Send::Chat(chat) | Send::ChatAndLeave(chat, _) if chat.is_stream)
    }

    fn send(&self, caller: &Caller) {
        let answer: Answer = match &self.send {
            Send::Chat(chat) => caller.chat(chat),
            Send::Body(body) => caller.post(body),
            Send::Get(path) => caller.get(path),
            Send::WithWrongKey => caller.with_key("wrong").post(&json!({})),
            Send::ChatAndLeave(chat, lines) => {
                caller.chat_and_leave(chat, *lines);
                return;
            }
        };
        assert_eq!(answer.status, self.status, "{self:?}: {answer:?}");
        assert_eq!(answer.is_whole, self.error != Some("body"), "{self:?}: {answer:?}");
    }

    fn count(&self, counts: &mut Counts, upstream_port: &str) {
        let mut add = |metric, labels: &[(&str, &str)]| {
            let present = labels.iter().filter(|(_, value)| !value.is_empty());
            let labels = present.map(|&(name, value)| (name.to_owned(), value.to_owned()));
            *counts.entry(metric).or_default().entry(labels.collect()).or_default() += self.times;
        };
        let endpoint = ("endpoint", self.route.unwrap_or("unmatched"));
        let status = self.status.to_string();

        add("request_duration_seconds", &[endpoint, ("outcome", self.outcome)]);
        for metric in [
            "http_server_request_duration_seconds",
            "http_server_request_body_size_bytes",
            "http_server_response_body_size_bytes",
        ] {
            let labels = [
                ("http_request_method", self.method),
                ("url_scheme", "http"),
                ("http_response_status_code", &status),
                ("http_route", self.route.unwrap_or_default()),
                ("error_type", self.error.unwrap_or_default()),
                ("network_protocol_version", "1.1"),
            ];
            add(metric, &labels);
        }
        for stage in self.stages {
            for metric in ["request_stage_duration_seconds", "request_stage_busy_seconds"] {
                add(metric, &[("stage", stage), endpoint]);
            }
        }
        for stage in self.stages.iter().chain([&"unattributed"]) {
            add("request_stage_share_seconds", &[("stage", stage), endpoint]);
        }
        if !self.stages.is_empty() {
            add("frontend_processing_seconds", &[endpoint]);
        }
        if let Some((stage, error)) = self.stage_error {
            let labels = [("stage", stage), endpoint, ("error_type", error)];
            add("request_stage_errors_total", &labels);
        }
        if let Some(call) = self.call {
            let backend = [("provider", call.provider), ("model", call.model), endpoint];
            add("backend_ttfb_seconds", &backend);
            if self.stages.contains(&STREAM) {
                add("streaming_duration_seconds", &backend);
            }
            add("http_client_request_duration_seconds", &call.labels(upstream_port));
            if self.is_stream() {
                STREAMS_OF_BACKENDS.iter().for_each(|metric| add(metric, &backend));
            }
        }
        if self.is_stream() {
            STREAMS.iter().for_each(|metric| add(metric, &[endpoint]));
        }
    }
}

// === impl Call ===

impl Call {
    fn failed(model: &'static str, status: Option<u16>, error: &'static str) -> Self {
        Self { provider: "northwind", model, status, error: Some(error) }
    }

    fn labels(self, upstream_port: &str) -> [(&'static str, &str); 6] {
        let status = match self.status {
            None => "",
            Some(200) => "200",
            Some(429) => "429",
            Some(_) => "500",
        };
        [
            ("http_request_method", "POST"),
            ("server_address", "127.0.0.1"),
            ("server_port", upstream_port),
            ("http_response_status_code", status),
            ("error_type", self.error.unwrap_or_default()),
            // Known from the response.
            ("network_protocol_version", if self.status.is_some() { "1.1" } else { "" }),
        ]
    }
}
