//! A client of the gateway that measures its requests.

use std::{
    io::{BufRead, BufReader, Read},
    time::Duration,
};
use testbed::{clock::Stopwatch, http_client::agent};

use serde_json::{Value, json};
use ureq::{Body, http::Response};

/// A client with an API key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    key: String,
}

/// A request for a completion.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) model: &'static str,
    pub(crate) is_stream: bool,
    /// The simulated provider's response, as in its header `x-sim`.
    pub(crate) sim: String,
}

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct ClientResponse {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Whether the body ended without an error.
    pub(crate) is_complete: bool,
    /// Time from sending the request to the response head.
    pub(crate) head_after: Duration,
    /// Time from the head to the last byte.
    pub(crate) body_took: Duration,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self { agent: agent(), url: url.to_owned(), key: key.to_owned() }
    }

    /// Returns the same client with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> ClientResponse {
        self.try_get(path).unwrap()
    }

    /// Sends a body to the chat endpoint.
    pub(crate) fn post(&self, body: &Value) -> ClientResponse {
        ClientResponse::read(|| self.send(body, "", None))
    }

    pub(crate) fn chat(&self, chat: &Chat) -> ClientResponse {
        ClientResponse::read(|| self.send(&chat.body(), &chat.sim, None))
    }

    /// Sends a body to the chat endpoint of a gateway that may be down.
    ///
    /// # Errors
    ///
    /// If there is no response head.
    pub(crate) fn try_post(&self, body: &Value, sim: &str) -> Result<ClientResponse, ureq::Error> {
        ClientResponse::try_read(|| self.send(body, sim, None))
    }

    /// Requests a path of a gateway that may be down.
    ///
    /// # Errors
    ///
    /// If there is no response head.
    pub(crate) fn try_get(&self, path: &str) -> Result<ClientResponse, ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.url));
        ClientResponse::try_read(|| request.header("authorization", self.bearer()).call())
    }

    /// Sends a request as part of a trace.
    pub(crate) fn chat_in_trace(&self, chat: &Chat, traceparent: &str) -> ClientResponse {
        ClientResponse::read(|| self.send(&chat.body(), &chat.sim, Some(traceparent)))
    }

    /// Reads this many lines of a streamed response, then disconnects.
    ///
    /// Returns the time to the head, and the time from the head to the disconnect.
    pub(crate) fn chat_and_cancel(&self, chat: &Chat, lines: usize) -> (Duration, Duration) {
        self.try_chat_and_cancel(chat, lines).unwrap()
    }

    /// Like [`chat_and_cancel`](Self::chat_and_cancel), of a gateway that may be down.
    ///
    /// # Errors
    ///
    /// If the response ends before these lines.
    pub(crate) fn try_chat_and_cancel(
        &self,
        chat: &Chat,
        lines: usize,
    ) -> Result<(Duration, Duration), ureq::Error> {
        let sent = Stopwatch::start();
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

// === impl ClientResponse ===

impl ClientResponse {
    fn read(send: impl FnOnce() -> Result<Response<Body>, ureq::Error>) -> Self {
        Self::try_read(send).unwrap()
    }

    fn try_read(
        send: impl FnOnce() -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Self, ureq::Error> {
        let sent = Stopwatch::start();
        let response = send()?;
        let head_after = sent.elapsed();
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let is_complete = response.into_body().into_reader().read_to_end(&mut bytes).is_ok();
        let body_took = sent.elapsed().saturating_sub(head_after);
        let text = String::from_utf8(bytes).unwrap();
        Ok(Self { status, text, is_complete, head_after, body_took })
    }
}
