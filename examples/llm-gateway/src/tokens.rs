//! A metric of the gateway's own, beside the stages: tokens by provider, model and type.

use std::sync::Arc;

use serde::Deserialize;
use stagelight::opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

use crate::openai::Usage;

/// Longest line of a stream, or whole reply, to parse, in bytes.
///
/// A bound on memory: a longer one is forwarded, and its tokens are not counted.
const LOOK_LIMIT: usize = 1 << 20;

/// The counter `gateway.tokens`, for one model.
///
/// It counts the tokens that providers report: in a stream, only if the caller sets
/// `stream_options.include_usage`.
#[derive(Clone, Debug)]
pub(crate) struct TokenCounter {
    counter: Counter<u64>,
    prompt: Arc<[KeyValue]>,
    completion: Arc<[KeyValue]>,
}

/// Parses one reply while it is forwarded, and counts its tokens when it is dropped.
pub(crate) struct TokenTap {
    counter: TokenCounter,
    is_stream: bool,
    // An incomplete line or reply; `None` once it is too long.
    pending: Option<Vec<u8>>,
    usage: Option<Usage>,
}

/// The parsed part of a whole reply or of a stream's chunk.
#[derive(Deserialize)]
struct Reply {
    usage: Option<Usage>,
}

// === impl TokenCounter ===

impl TokenCounter {
    pub(crate) fn new(meter: &Meter, provider: &str, model: &str) -> Self {
        let counter = meter.u64_counter("gateway.tokens").with_unit("{token}");
        let labels = |kind| {
            let labels = [("provider", provider), ("model", model), ("type", kind)];
            Arc::from(labels.map(|(key, value)| KeyValue::new(key, value.to_owned())))
        };
        Self {
            counter: counter.with_description("Tokens that providers report.").build(),
            prompt: labels("prompt"),
            completion: labels("completion"),
        }
    }

    pub(crate) fn tap(&self, is_stream: bool) -> TokenTap {
        TokenTap { counter: self.clone(), is_stream, pending: Some(Vec::new()), usage: None }
    }

    fn add(&self, usage: Usage) {
        self.counter.add(usage.prompt_tokens, &self.prompt);
        self.counter.add(usage.completion_tokens, &self.completion);
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
            self.counter.add(usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the usage in a reply forwarded in pieces of `size` bytes.
    fn found(is_stream: bool, reply: &str, size: usize) -> Option<(u64, u64)> {
        let meter = stagelight::opentelemetry::global::meter("test");
        let mut tap = TokenCounter::new(&meter, "p", "m").tap(is_stream);
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
