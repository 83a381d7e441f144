//! Redaction of secrets.

use std::collections::BTreeSet;

use testbed::{Collector, Fleet, StackOptions, Workspace};

use super::telemetry::{NewSpan, send_counts, send_spans, span, text_of, trace_id, wait_for_spans};
use crate::{
    client::Chat,
    fixture::{Fixture, options},
    spans::{self, Span, value_of},
};
use testbed::clock::{eventually, unix_seconds};

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Texts that may not be in the collector's output.
const SECRETS: [&str; 6] = [
    "ada@example.com",
    "sk-live-abcdefghijklmnop",
    "hunter2hunter2",
    "4111111111111111",
    "203.0.113.7",
    "correct horse battery",
];

/// Starts a collector with an overlay, writing metrics and traces to a file.
fn collector<'a>(fleet: &'a Fleet, overlay: &str) -> Collector<'a> {
    fleet
        .collector("collector")
        .unwrap()
        .with_file("all-in-one.yaml")
        .with_file(overlay)
        .with_yaml("service::pipelines::metrics::exporters: [file/traces]")
        .with_env("STAGELIGHT_REDACTION_KEY", KEY)
        .start()
        .unwrap()
}

/// Returns a span with secrets in all its parts.
fn span_with_secrets() -> NewSpan {
    span(1, 1)
        .failed("no user ada@example.com: Bearer hunter2hunter2")
        .with("http.route", "/users/{id}")
        .with("stage", "backend_fetch")
        .with("stagelight.exemplar", true)
        .with("url.path", "/users/ada@example.com")
        .with("authorization", "Bearer hunter2hunter2")
        .with("http.request.header.cookie", "correct horse battery")
        .with("client.address", "203.0.113.7")
        .with("note", "paid with 4111111111111111 by sk-live-abcdefghijklmnop")
        .with("gen_ai.usage.input_tokens", 42)
}

fn sent_by(collector: &Collector<'_>, span: &NewSpan) -> Span {
    assert_eq!(send_spans(collector.addresses().otlp_http, std::slice::from_ref(span)), 200);
    let spans = wait_for_spans(&[collector], 1).remove(0);
    spans[&trace_id(1)][0].clone()
}

#[test]
fn patterns_hash_secrets_by_name_and_by_value_only() {
    let fleet = Fleet::new().unwrap();
    let collector = collector(&fleet, "overlays/redact-patterns.yaml");
    let span = sent_by(&collector, &span_with_secrets().named("mail to ada@example.com"));

    let text = text_of(&collector);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(span.name, "mail to ****");
    assert_eq!(span.attribute("http.route"), "/users/{id}");
    assert_eq!(span.attribute("stage"), "backend_fetch");
    assert_eq!(span.attribute("stagelight.exemplar"), "true");
    assert_eq!(span.attribute("gen_ai.usage.input_tokens"), "42");
    assert_eq!(value_of(&span.resource, "service.name"), "by-hand");
    // Only the matched part is replaced.
    let path = span.attribute("url.path");
    assert!(path.starts_with("/users/") && 7 + 32 <= path.len(), "{path}");
}

#[test]
fn metrics_of_two_users_stay_two_series_without_names() {
    let fleet = Fleet::new().unwrap();
    let collector = collector(&fleet, "overlays/redact-patterns.yaml");
    let user = |name: &str| [("user.email".to_owned(), format!("{name}@example.com").into())];
    let (ada, bob) = (user("ada"), user("bob"));

    let counts = [("logins", ada.as_slice(), 1), ("logins", bob.as_slice(), 2)];
    assert_eq!(send_counts(collector.addresses().otlp_http, &counts, unix_seconds()), 200);

    let text = eventually(|| {
        let text = text_of(&collector);
        if text.contains("logins") { Ok(text) } else { Err(text) }
    });
    assert!(!text.contains("@example.com"), "{text}");
    let line = text.lines().find(|it| it.contains("logins")).unwrap();
    let values = line.split("user.email\",\"value\":{\"stringValue\":\"").skip(1);
    let values: Vec<_> = values.map(|it| it.split('"').next().unwrap()).collect();
    assert_eq!(values.len(), 2, "{line}");
    assert_ne!(values[0], values[1]);
}

#[test]
fn the_allow_list_removes_other_attributes() {
    let fleet = Fleet::new().unwrap();
    let collector = collector(&fleet, "overlays/redact-allow-list.yaml");
    let span = sent_by(&collector, &span_with_secrets().named("GET /users?mail=ada@example.com"));

    let text = text_of(&collector);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(span.name, "redacted");
    assert_eq!(span.attribute("http.route"), "/users/{id}");
    assert_eq!(span.attribute("stage"), "backend_fetch");
    assert_eq!(span.attribute("stagelight.exemplar"), "true");
    assert_eq!(value_of(&span.resource, "service.name"), "by-hand");
    for gone in ["url.path", "authorization", "client.address", "note"] {
        assert_eq!(span.attribute(gone), "", "{gone}");
    }
}

#[test]
fn names_of_stages_and_routes_are_not_redacted() {
    let fleet = Fleet::new().unwrap();
    let collector = collector(&fleet, "overlays/redact-allow-list.yaml");
    let names = ["POST /v1/chat/completions", "GET /users/{id}", "backend_fetch", "GET"];

    let spans: Vec<_> =
        (1..).zip(names).map(|(number, name)| span(1, number).named(name)).collect();
    assert_eq!(send_spans(collector.addresses().otlp_http, &spans), 200);

    let written = wait_for_spans(&[&collector], names.len()).remove(0);
    let written: Vec<_> = written[&trace_id(1)].iter().map(|it| it.name.as_str()).collect();
    assert_eq!(written, names);
}

/// Runs the example and returns the names of all attributes in its traces.
fn attributes_of_the_example(overlays: &[&str]) -> BTreeSet<String> {
    let file = |it: &&str| format!("--config={}", Workspace::find().path(it).display());
    let fixture = Fixture::start(&StackOptions {
        collector_args: overlays.iter().map(file).collect(),
        ..options()
    });
    fixture.client.chat(&Chat::streamed("halcyon-chat", "ttft=0s,tokens=3"));
    fixture.client.chat(&Chat::streamed("halcyon-chat", "ttft=0s,error=500"));
    spans::wait_for_trace(&fixture.stack, |it| it.status == spans::ERROR);
    let text = fixture.stack.traces().unwrap();
    let keys = text.split("\"key\":\"").skip(1);
    keys.map(|it| it.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_allow_list_removes_only_external_input_from_the_examples_traces() {
    let list = "collector/overlays/redact-allow-list.yaml";
    let (all, allowed) = (attributes_of_the_example(&[]), attributes_of_the_example(&[list]));

    let removed: Vec<_> = all.difference(&allowed).map(String::as_str).collect();
    assert_eq!(removed, ["method", "request_id", "url.full", "url.path", "user_agent.original"]);
}
