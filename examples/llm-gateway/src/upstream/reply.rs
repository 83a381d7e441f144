//! One reply of the simulated upstream, streamed or whole, with its stalls and breaks.

use std::{io, time::Duration};

use axum::{
    Json,
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::{counts::Open, profile::Plan};
use crate::openai::{ChatRequest, Message};

/// The models' vocabulary.
const WORDS: [&str; 8] = ["light", "falls", "on", "every", "stage", "of", "the", "request"];

/// Much longer than a connection needs to flush its buffer.
const FLUSH: Duration = Duration::from_millis(5);

/// `retry-after` of a 429: the shortest time that the header can express.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A reply to be sent.
pub(crate) struct Reply {
    pub(crate) id: u64,
    pub(crate) plan: Plan,
    pub(crate) request: ChatRequest,
    /// Counts the request as cancelled if it is dropped before its end.
    pub(crate) open: Open,
}

/// The position in a body.
struct Cursor {
    reply: Reply,
    head_sent: Instant,
    next: u16,
}

// === impl Reply ===

impl Reply {
    /// Gives the reply: waits for the time of its head, then fails, streams, or gives it whole.
    pub(crate) async fn give(mut self) -> Response {
        sleep(self.plan.ttft).await;
        if let Some(status) = self.plan.failure {
            self.open.complete();
            return failure(status);
        }
        if let Some(limit) = self.request.token_limit() {
            self.plan.tokens = self.plan.tokens.min(u16::try_from(limit).unwrap_or(u16::MAX));
        }
        if self.request.is_stream() { self.stream() } else { self.whole().await }
    }

    fn stream(self) -> Response {
        let cursor = Cursor { reply: self, head_sent: Instant::now(), next: 0 };
        let events = stream::unfold(Some(cursor), |cursor| async { cursor?.event().await });
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
    }

    async fn whole(mut self) -> Response {
        let last = self.plan.tokens.saturating_sub(1);
        sleep(self.plan.due(last)).await;

        let text: String = (0..self.plan.tokens).map(word).collect();
        let choice = json!({
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": self.finish_reason(),
        });
        let mut body = self.object("chat.completion", &json!([choice]));
        body["usage"] = self.usage();

        self.open.complete();
        let is_broken = self.plan.break_after.is_some_and(|it| it <= self.plan.tokens);
        if is_broken { broken(&body) } else { Json(body).into_response() }
    }

    /// The part that every chunk and whole reply has.
    fn object(&self, kind: &str, choices: &Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.id),
            "object": kind,
            // A fixed time: the reply to a given seed is the same every time.
            "created": 1_700_000_000,
            "model": self.request.model,
            "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        let prompt = self.request.messages.iter().map(Message::words).sum::<usize>();
        let completion = usize::from(self.plan.tokens);
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        })
    }

    fn finish_reason(&self) -> &'static str {
        let is_cut = self.request.token_limit() == Some(u32::from(self.plan.tokens));
        if is_cut { "length" } else { "stop" }
    }
}

// === impl Cursor ===

impl Cursor {
    /// Returns the next piece of the body, and where to go on after it.
    ///
    /// One piece for each token; then all that ends a stream in one last piece.
    async fn event(mut self) -> Option<(io::Result<Bytes>, Option<Self>)> {
        let (plan, index) = (&self.reply.plan, self.next);
        if plan.break_after == Some(index) {
            sleep_until(self.head_sent + plan.due(index)).await;
            self.reply.open.complete();
            return Some((break_off().await, None));
        }
        if index < plan.tokens {
            sleep_until(self.head_sent + plan.due(index)).await;
            let event = self.token(index);
            self.next += 1;
            return Some((Ok(event), Some(self)));
        }
        // A stall after the last token holds back the end.
        let end = plan.due(plan.tokens).saturating_sub(plan.token_interval);
        sleep_until(self.head_sent + end).await;
        let event = self.end();
        self.reply.open.complete();
        Some((Ok(event), None))
    }

    fn token(&self, index: u16) -> Bytes {
        let mut delta = json!({"content": word(index)});
        if index == 0 {
            delta["role"] = json!("assistant");
        }
        self.chunk(&json!([choice(&delta, None)])).into()
    }

    fn end(&self) -> Bytes {
        let reply = &self.reply;
        let mut text = self.chunk(&json!([choice(&json!({}), Some(reply.finish_reason()))]));
        if reply.request.wants_usage() {
            let mut usage = reply.object("chat.completion.chunk", &json!([]));
            usage["usage"] = reply.usage();
            text += &event(&usage);
        }
        text += "data: [DONE]\n\n";
        text.into()
    }

    fn chunk(&self, choices: &Value) -> String {
        event(&self.reply.object("chat.completion.chunk", choices))
    }
}

fn choice(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason})
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn word(index: u16) -> String {
    let word = WORDS[usize::from(index) % WORDS.len()];
    if index == 0 { word.to_owned() } else { format!(" {word}") }
}

/// Breaks the connection, once all that came before has left.
async fn break_off() -> io::Result<Bytes> {
    sleep(FLUSH).await;
    Err(io::Error::other("broken as planned"))
}

/// A body of which the first half comes, and then the connection breaks.
fn broken(body: &Value) -> Response {
    let text = body.to_string();
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let pieces = stream::iter([Ok(half)]).chain(stream::once(break_off()));
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, Body::from_stream(pieces)).into_response()
}

fn failure(status: StatusCode) -> Response {
    let (kind, code) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("requests", "rate_limit_exceeded"),
        it if it.is_client_error() => ("invalid_request_error", "simulated"),
        _ => ("server_error", "simulated"),
    };
    let message = format!("simulated failure with status {}", status.as_u16());
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    // Says at once when to come back, as real providers do.
    let retry_after = [(header::RETRY_AFTER, RETRY_AFTER.as_secs().to_string())];
    if status == StatusCode::TOO_MANY_REQUESTS {
        return (status, retry_after, Json(body)).into_response();
    }
    (status, Json(body)).into_response()
}
