//! Known requests and their expected counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    client::{Chat, Client, ClientResponse},
    prometheus::Labels,
};

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

const AUTH: &str = "auth_validation";
const PARSING: &str = "request_parsing";
const PREPARATION: &str = "request_preparation";
const FETCH: &str = "backend_fetch";
const STREAM: &str = "stream_processing";

/// The metrics of every response stream.
const STREAMS: [&str; 3] = [
    "streaming_response_chunks",
    "streaming_response_wait_upstream_seconds",
    "streaming_response_wait_client_seconds",
];
/// The metrics of every backend stream.
const STREAMS_OF_BACKENDS: [&str; 3] = [
    "streaming_backend_chunks",
    "streaming_backend_wait_upstream_seconds",
    "streaming_backend_wait_client_seconds",
];

/// Equal requests.
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
    /// The stages that it enters.
    stages: &'static [&'static str],
    /// The stage that fails, and its `error.type`.
    stage_error: Option<(&'static str, &'static str)>,
    /// The gateway's backend call, if it makes one.
    call: Option<Call>,
}

/// How a request is made.
#[derive(Debug)]
enum Send {
    Chat(Chat),
    /// Reads this many lines, then disconnects.
    ChatAndCancel(Chat, usize),
    Body(Value),
    Get(&'static str),
    WithWrongKey,
}

/// A backend call.
#[derive(Clone, Copy, Debug)]
struct Call {
    provider: &'static str,
    model: &'static str,
    /// `None` if no response came.
    status: Option<u16>,
    error: Option<&'static str>,
}

/// The expected count of each series, by metric.
pub(crate) type Counts = BTreeMap<&'static str, BTreeMap<Labels, u64>>;

/// Requests with every outcome, in all stages, on two providers with three models.
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
    let all_own_stages = &[AUTH, PARSING, PREPARATION];
    vec![
        Known::get(1, "/v1/nothing", 404, None, &[]),
        Known::get(1, CHAT, 405, Some(CHAT), &[]),
        Known::refused(3, 401, Send::WithWrongKey, &[AUTH], "invalid_api_key"),
        Known::refused(2, 400, without_messages, &[AUTH, PARSING], "invalid_value"),
        Known::refused(1, 404, unknown_model, all_own_stages, "model_not_found"),
        Known::refused(1, 413, too_large, &[AUTH, PARSING], "request_too_large"),
    ]
}

fn failed() -> Vec<Known> {
    vec![
        // The gateway forwards a provider's 429.
        Known {
            status: 429,
            stage_error: Some((FETCH, "429")),
            call: Some(Call::failed("northwind-mini", Some(429), "429")),
            ..Known::ok(1, "northwind", Chat::whole("northwind-mini", "ttft=0s,error=429"))
        },
        // A provider's 500 becomes a 502.
        Known {
            status: 502,
            outcome: "error",
            error: Some("502"),
            stage_error: Some((FETCH, "500")),
            call: Some(Call::failed("northwind-large", Some(500), "500")),
            ..Known::ok(2, "northwind", Chat::whole("northwind-large", "ttft=0s,error=500"))
        },
        // The gateway's timeout is a second.
        Known {
            status: 504,
            outcome: "timeout",
            error: Some("504"),
            stages: &[AUTH, PARSING, PREPARATION, FETCH],
            stage_error: Some((FETCH, "timeout")),
            call: Some(Call::failed("northwind-large", None, "timeout")),
            ..Known::ok(1, "northwind", Chat::whole("northwind-large", "ttft=5s"))
        },
        // The provider disconnects during the stream.
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
pub(crate) fn send(known: &[Known], client: &Client) {
    for it in known {
        for _ in 0..it.times {
            it.send(client);
        }
    }
}

/// Returns the number of requests.
pub(crate) fn total(known: &[Known]) -> u64 {
    known.iter().map(|it| it.times).sum()
}

/// Returns the expected counts; `upstream_port` is the provider's port.
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

    /// A request whose client disconnects during the stream.
    fn left(times: u64, chat: Chat) -> Self {
        let ok = Self::ok(times, "northwind", chat.clone());
        Self { outcome: "cancelled", send: Send::ChatAndCancel(chat, 10), ..ok }
    }

    /// A request that its last stage rejects.
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

    /// Returns whether the response is streamed.
    fn is_stream(&self) -> bool {
        matches!(&self.send, Send::Chat(chat) | Send::ChatAndCancel(chat, _) if chat.is_stream)
    }

    fn send(&self, client: &Client) {
        let answer: ClientResponse = match &self.send {
            Send::Chat(chat) => client.chat(chat),
            Send::Body(body) => client.post(body),
            Send::Get(path) => client.get(path),
            Send::WithWrongKey => client.with_key("wrong").post(&json!({})),
            Send::ChatAndCancel(chat, lines) => {
                client.chat_and_cancel(chat, *lines);
                return;
            }
        };
        assert_eq!(answer.status, self.status, "{self:?}: {answer:?}");
        assert_eq!(answer.is_complete, self.error != Some("body"), "{self:?}: {answer:?}");
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
            if call.status.is_some() {
                add("backend_ttfb_seconds", &backend);
            }
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
            // Taken from the response.
            ("network_protocol_version", if self.status.is_some() { "1.1" } else { "" }),
        ]
    }
}
