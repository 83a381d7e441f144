//! Whoever uses the gateway: sends requests of a known shape, and measures them from outside.

use std::{
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use serde_json::{Value, json};
use ureq::{Body, http::Response};

use crate::clock::now;

/// Longest time for anything asked for here.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A caller with a key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    agent: ureq::Agent,
    url: String,
    key: String,
}

/// A request for a completion.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) model: &'static str,
    pub(crate) is_stream: bool,
    /// The reply's shape, as the simulated provider's `x-sim` header has it.
    pub(crate) sim: String,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Whether the body ended as it should.
    pub(crate) is_whole: bool,
    /// From sending the request to the answer's head.
    pub(crate) head_after: Duration,
    /// From the head to the last byte.
    pub(crate) body_took: Duration,
}

/// Makes a client that speaks to loopback, whatever proxy the environment names.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT));
    ureq::Agent::new_with_config(config.build())
}

// === impl Caller ===

impl Caller {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self { agent: agent(), url: url.to_owned(), key: key.to_owned() }
    }

    /// Returns the same caller with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    /// Sends a body to the chat endpoint as it is.
    pub(crate) fn post(&self, body: &Value) -> Answer {
        Answer::read(|| self.send(body, "", None))
    }

    pub(crate) fn chat(&self, chat: &Chat) -> Answer {
        Answer::read(|| self.send(&chat.body(), &chat.sim, None))
    }

    /// Sends a body to the chat endpoint as it is, to a gateway that may be away at the moment.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer's head from coming.
    pub(crate) fn try_post(&self, body: &Value, sim: &str) -> Result<Answer, ureq::Error> {
        Answer::try_read(|| self.send(body, sim, None))
    }

    /// Asks a gateway that may be away at the moment.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer's head from coming.
    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.url));
        Answer::try_read(|| request.header("authorization", self.bearer()).call())
    }

    /// Sends a request as part of a trace.
    pub(crate) fn chat_in_trace(&self, chat: &Chat, traceparent: &str) -> Answer {
        Answer::read(|| self.send(&chat.body(), &chat.sim, Some(traceparent)))
    }

    /// Reads this many lines of a streamed answer, and goes away in the middle of it.
    ///
    /// Returns the time to the head, and the time from there to going away.
    pub(crate) fn chat_and_leave(&self, chat: &Chat, lines: usize) -> (Duration, Duration) {
        self.try_chat_and_leave(chat, lines).unwrap()
    }

    /// The same with a gateway that may be away at the moment.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer's head or its lines from coming.
    pub(crate) fn try_chat_and_leave(
        &self,
        chat: &Chat,
        lines: usize,
    ) -> Result<(Duration, Duration), ureq::Error> {
        let sent = now();
        let response = self.send(&chat.body(), &chat.sim, None)?;
        let head_after = sent.elapsed();
        assert_eq!(response.status(), 200);
        let mut reader = BufReader::new(response.into_body().into_reader());
        for _ in 0..lines {
            reader.read_line(&mut String::new())?;
        }
        drop(reader);
        Ok((head_after, sent.elapsed().saturating_sub(head_after)))
    }

    fn send(
        &self,
        body: &Value,
        sim: &str,
        traceparent: Option<&str>,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}/v1/chat/completions", self.url))
            .header("authorization", self.bearer())
            .header("content-type", "application/json")
            .header("x-sim", sim);
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        request.send(body.to_string())
    }

    /// Returns the gateway's host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Returns the `authorization` header's value.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }
}

// === impl Chat ===

impl Chat {
    pub(crate) fn streamed(model: &'static str, sim: &str) -> Self {
        Self { model, is_stream: true, sim: sim.to_owned() }
    }

    pub(crate) fn whole(model: &'static str, sim: &str) -> Self {
        Self { model, is_stream: false, sim: sim.to_owned() }
    }

    pub(crate) fn body(&self) -> Value {
        json!({
            "model": self.model,
            "messages": [{"role": "user", "content": "say a word"}],
            "stream": self.is_stream,
        })
    }
}

// === impl Answer ===

impl Answer {
    fn read(send: impl FnOnce() -> Result<Response<Body>, ureq::Error>) -> Self {
        Self::try_read(send).unwrap()
    }

    fn try_read(
        send: impl FnOnce() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Self, ureq::Error> {
        let sent = now();
        let response = send()?;
        let head_after = sent.elapsed();
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let is_whole = response.into_body().into_reader().read_to_end(&mut bytes).is_ok();
        let body_took = sent.elapsed().saturating_sub(head_after);
        let text = String::from_utf8(bytes).unwrap();
        Ok(Self { status, text, is_whole, head_after, body_took })
    }
}
