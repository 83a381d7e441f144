//! A metric of the gateway's own, beside the stages: tokens by provider, model and type.

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use serde::Deserialize;

use crate::openai::Usage;

/// Longest line of a stream, or whole reply, that is looked into, in bytes.
///
/// A bound on memory: a longer one is passed on like any other, but its tokens are not counted.
const LOOK_LIMIT: usize = 1 << 20;

/// The counter `gateway.tokens`.
///
/// It counts what providers report. In a stream they do so only if the caller asks for it, with
/// `stream_options.include_usage`.
#[derive(Clone, Debug)]
pub(crate) struct TokenCounter(Counter<u64>);

/// Looks at one reply while it passes, and counts its tokens once it is dropped.
pub(crate) struct TokenTap {
    counter: TokenCounter,
    provider: String,
    model: String,
    is_stream: bool,
    // What has passed and is not yet a whole line or reply; none after too much of it.
    pending: Option<Vec<u8>>,
    usage: Option<Usage>,
}

/// A whole reply, or a chunk of a stream, as far as it is looked at.
#[derive(Deserialize)]
struct Reply {
    usage: Option<Usage>,
}

// === impl TokenCounter ===

impl TokenCounter {
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = meter.u64_counter("gateway.tokens").with_unit("{token}");
        Self(counter.with_description("Tokens that providers report.").build())
    }

    pub(crate) fn tap(&self, provider: &str, model: &str, is_stream: bool) -> TokenTap {
        TokenTap {
            counter: self.clone(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            is_stream,
            pending: Some(Vec::new()),
            usage: None,
        }
    }

    fn add(&self, provider: &str, model: &str, usage: Usage) {
        let kinds = [("prompt", usage.prompt_tokens), ("completion", usage.completion_tokens)];
        for (kind, tokens) in kinds {
            let labels = [("provider", provider), ("model", model), ("type", kind)];
            self.0.add(tokens, &labels.map(|(key, value)| KeyValue::new(key, value.to_owned())));
        }
    }
}

// === impl TokenTap ===

impl TokenTap {
    /// Looks at the next piece.
    pub(crate) fn see(&mut self, data: &[u8]) {
        let Some(mut pending) = self.pending.take() else { return };
        pending.extend_from_slice(data);
        if self.is_stream
            && let Some(end) = pending.iter().rposition(|it| *it == b'\n')
        {
            for line in pending[..end].split(|it| *it == b'\n') {
                self.look(line.strip_prefix(b"data:").unwrap_or_default());
            }
            pending.drain(..=end);
        }
        self.pending = Some(pending).filter(|it| it.len() <= LOOK_LIMIT);
    }

    fn look(&mut self, json: &[u8]) {
        // Nearly no chunk of a stream has it: do not parse those that do not.
        if json.windows(7).any(|it| it == b"\"usage\"") {
            let reply = serde_json::from_slice::<Reply>(json).ok();
            self.usage = reply.and_then(|it| it.usage).or(self.usage);
        }
    }
}

impl Drop for TokenTap {
    fn drop(&mut self) {
        if let Some(whole) = self.pending.take().filter(|_| !self.is_stream) {
            self.look(&whole);
        }
        if let Some(usage) = self.usage {
            self.counter.add(&self.provider, &self.model, usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a tap finds in a reply that passes in pieces of `size` bytes.
    fn found(is_stream: bool, reply: &str, size: usize) -> Option<(u64, u64)> {
        let meter = opentelemetry::global::meter("test");
        let mut tap = TokenCounter::new(&meter).tap("p", "m", is_stream);
        reply.as_bytes().chunks(size).for_each(|it| tap.see(it));
        if let Some(whole) = tap.pending.take().filter(|_| !is_stream) {
            tap.look(&whole);
        }
        tap.usage.map(|it| (it.prompt_tokens, it.completion_tokens))
    }

    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

    #[test]
    fn a_whole_reply_tells_its_tokens_however_it_is_cut() {
        for size in [1, 7, 1000] {
            assert_eq!(found(false, USAGE, size), Some((3, 5)));
        }
        assert_eq!(found(false, &USAGE[..20], 7), None);
    }

    #[test]
    fn a_stream_tells_its_tokens_however_it_is_cut() {
        let stream = format!(
            "data: {{\"choices\":[],\"usage\":null}}\n\ndata: {USAGE}\r\n\r\ndata: [DONE]\n\n"
        );
        for size in [1, 7, 1000] {
            assert_eq!(found(true, &stream, size), Some((3, 5)));
        }
        assert_eq!(found(true, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", 7), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let long = format!("data: {}\n\ndata: {USAGE}\n\n", "x".repeat(2 * LOOK_LIMIT));
        assert_eq!(found(true, &long, 1 << 16), None);
    }
}
