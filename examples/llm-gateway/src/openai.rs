//! The part of OpenAI's chat API that the gateway parses.
//!
//! The gateway forwards the bytes it received, including unknown fields.

use serde::Deserialize;

/// The parsed part of a `POST /v1/chat/completions` body.
///
/// Required fields are optional here, so that [`ChatRequest::check`] can name the
/// missing one.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    /// The model.
    #[serde(default)]
    pub model: String,
    /// The conversation so far.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// Whether to send the reply as server-sent events. Defaults to no.
    pub stream: Option<bool>,
    /// Options for a streamed reply.
    pub stream_options: Option<StreamOptions>,
    /// The sampling temperature, from 0 to 2.
    pub temperature: Option<f64>,
    /// The nucleus to sample from, from 0 to 1.
    pub top_p: Option<f64>,
    /// The longest reply in tokens, by its newer name.
    pub max_completion_tokens: Option<u32>,
    /// The longest reply in tokens, by its older name.
    pub max_tokens: Option<u32>,
}

/// Options for a streamed reply.
#[derive(Debug, Default, Deserialize)]
pub struct StreamOptions {
    /// Whether the last chunk contains the number of tokens. Defaults to no.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message of a conversation.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// The author's role.
    pub role: Role,
    /// The content; absent in an assistant's message that only calls tools.
    pub content: Option<Content>,
}

/// The role of a message's author.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions, by their newer name.
    Developer,
    /// Instructions.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The result of a function call, by its older name.
    Function,
}

/// The content of a message.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of content parts")]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text, images and so on.
    Parts(Vec<serde_json::Value>),
}

/// How many tokens a request took.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the conversation.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
}

/// An invalid request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// The field at fault, such as `messages[0].role`; none if the body is not a JSON object.
    pub param: Option<String>,
    /// The given and the allowed values.
    pub message: String,
}

// === impl ChatRequest ===

impl ChatRequest {
    /// Reads and checks a request's body.
    ///
    /// # Errors
    ///
    /// Names the first field with a missing value, a wrong type, or a value out of range.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidRequest> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let request: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            // "." is the whole body, "?" a place that the syntax error itself hides.
            let path = error.path().to_string();
            let path = path.trim_end_matches(['.', '?']);
            let param = (!path.is_empty()).then(|| path.to_owned());
            InvalidRequest { param, message: format!("the body is not valid: {}", error.inner()) }
        })?;
        json.end().map_err(|error| InvalidRequest {
            param: None,
            message: format!("the body is not valid: {error}"),
        })?;
        request.check()?;
        Ok(request)
    }

    /// Whether the reply shall come as server-sent events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether a streamed reply shall end with the number of tokens.
    #[must_use]
    pub fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|it| it.include_usage)
    }

    /// The longest reply in tokens, if the caller set one.
    #[must_use]
    pub fn token_limit(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    fn check(&self) -> Result<(), InvalidRequest> {
        let rules = [
            ("model", !self.model.is_empty(), "must name a model"),
            ("messages", !self.messages.is_empty(), "must hold at least one message"),
            ("temperature", is_within(self.temperature, 2.0), "must be from 0 to 2"),
            ("top_p", is_within(self.top_p, 1.0), "must be from 0 to 1"),
            ("max_completion_tokens", self.max_completion_tokens != Some(0), "must be at least 1"),
            ("max_tokens", self.max_tokens != Some(0), "must be at least 1"),
        ];
        let broken = rules.into_iter().find(|(_, holds, _)| !holds);
        broken.map_or(Ok(()), |(param, _, rule)| {
            Err(InvalidRequest {
                param: Some(param.to_owned()),
                message: format!("`{param}` {rule}"),
            })
        })
    }
}

fn is_within(value: Option<f64>, upper: f64) -> bool {
    value.is_none_or(|it| (0.0..=upper).contains(&it))
}

// === impl Message ===

impl Message {
    /// Returns the number of words, which the simulated upstream counts as tokens.
    #[must_use]
    pub fn words(&self) -> usize {
        let text = |part: &serde_json::Value| part["text"].as_str().map_or(0, count_words);
        match &self.content {
            None => 0,
            Some(Content::Text(it)) => count_words(it),
            Some(Content::Parts(parts)) => parts.iter().map(text).sum(),
        }
    }
}

fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(body: &str, param: Option<&str>, message: &str) {
        let error = ChatRequest::parse(body.as_bytes()).unwrap_err();
        assert_eq!((error.param.as_deref(), error.message.as_str()), (param, message));
    }

    #[test]
    fn reads_what_the_gateway_looks_at_and_ignores_the_rest() {
        let body = br#"{"model": "m", "stream": true, "stream_options": {"include_usage": true},
            "max_tokens": 7, "tools": [], "messages": [
            {"role": "system", "content": "be  brief"},
            {"role": "user", "content": [{"type": "text", "text": "one two three"}]},
            {"role": "assistant", "content": null}]}"#;
        let request = ChatRequest::parse(body).unwrap();
        assert!(request.is_stream() && request.wants_usage());
        assert_eq!(request.token_limit(), Some(7));
        assert_eq!(request.messages.iter().map(Message::words).collect::<Vec<_>>(), [2, 3, 0]);
    }

    #[test]
    fn names_the_field_at_fault() {
        check_error("{}", Some("model"), "`model` must name a model");
        check_error(
            r#"{"model": "m"}"#,
            Some("messages"),
            "`messages` must hold at least one message",
        );
        let message = r#""messages": [{"role": "user", "content": "hi"}]"#;
        for (field, rule) in [
            ("temperature", "must be from 0 to 2"),
            ("top_p", "must be from 0 to 1"),
            ("max_tokens", "must be at least 1"),
            ("max_completion_tokens", "must be at least 1"),
        ] {
            let value = if field.starts_with("max") { "0" } else { "2.5" };
            let body = format!(r#"{{"model": "m", {message}, "{field}": {value}}}"#);
            check_error(&body, Some(field), &format!("`{field}` {rule}"));
        }
    }

    #[test]
    fn names_the_field_of_the_wrong_type() {
        check_error(
            r#"{"model": "m", "messages": [{"role": "robot"}]}"#,
            Some("messages[0].role"),
            "the body is not valid: unknown variant `robot`, expected one of `developer`, \
             `system`, `user`, `assistant`, `tool`, `function` at line 1 column 44",
        );
        check_error(
            r#"{"model": "m", "messages": [{"role": "user", "content": 7}]}"#,
            Some("messages[0].content"),
            "the body is not valid: expected a string or an array of content parts \
             at line 1 column 58",
        );
        check_error(
            r#"{"model": 3}"#,
            Some("model"),
            "the body is not valid: invalid type: integer `3`, expected a string \
             at line 1 column 11",
        );
    }

    #[test]
    fn a_body_that_is_no_json_object_has_at_most_an_unfinished_field_at_fault() {
        check_error(
            r#"{"model": "m", "messages": [{"role": "user","#,
            Some("messages[0]"),
            "the body is not valid: EOF while parsing a value at line 1 column 44",
        );
        check_error(
            "{",
            None,
            "the body is not valid: EOF while parsing an object at line 1 column 1",
        );
        check_error(
            "",
            None,
            "the body is not valid: EOF while parsing a value at line 1 column 0",
        );
        check_error(
            r#"{"model": "m", "messages": [{"role": "user"}]} x"#,
            None,
            "the body is not valid: trailing characters at line 1 column 48",
        );
    }
}
