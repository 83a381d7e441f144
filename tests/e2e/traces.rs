//! Traces are complete, continue the client's trace and propagate to the provider.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use crate::{
    client::Chat,
    fixture::{Fixture, options},
    spans::{self, CLIENT, ERROR, INTERNAL, SERVER, value_of},
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN_ID: &str = "b7ad6b7169203331";

/// The context of a client that samples its trace.
fn traceparent() -> String {
    format!("00-{TRACE_ID}-{CLIENT_SPAN_ID}-01")
}

#[test]
fn a_trace_continues_from_the_client_through_the_stages_to_the_provider() {
    let fixture = Fixture::start(&options());
    let provider = replace_provider(&fixture);

    let chat = Chat::whole("northwind-mini", "");
    let answer = fixture.client.chat_in_trace(&chat, &traceparent());

    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    let head = provider.join().unwrap();
    let trace = spans::wait_for_trace(&fixture.stack, |it| it.trace_id == TRACE_ID);

    let request = spans::of_request(&trace);
    assert_eq!(request.kind, SERVER);
    assert_eq!(request.parent_span_id, CLIENT_SPAN_ID);
    let stages = ["auth_validation", "request_parsing", "request_preparation"];
    for stage in stages.iter().chain(&["backend_fetch", "stream_processing"]) {
        let span = spans::of_stage(&trace, stage);
        assert_eq!(span.parent_span_id, request.span_id, "{stage}");
        assert!(span.duration <= request.duration, "{stage}");
    }
    let fetch = spans::of_stage(&trace, "backend_fetch");
    let sent = format!("traceparent: 00-{TRACE_ID}-{}-01", fetch.span_id);
    assert!(head.iter().any(|it| it.eq_ignore_ascii_case(&sent)), "no {sent} in {head:#?}");
}

#[test]
fn spans_follow_the_semantic_conventions() {
    let fixture = Fixture::start(&options());
    let upstream = fixture.stack.addresses().upstream.as_deref().unwrap();
    let port = upstream.rsplit_once(':').unwrap().1;

    fixture.client.chat(&Chat::streamed("halcyon-chat", "ttft=0s,error=500"));

    let trace = spans::wait_for_trace(&fixture.stack, |_| true);
    let request = spans::of_request(&trace);
    assert_eq!(request.name, "POST /v1/chat/completions");
    assert_eq!((request.kind, request.status), (SERVER, ERROR));
    assert_eq!(request.parent_span_id, "");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "502"),
        ("url.path", "/v1/chat/completions"),
        ("url.scheme", "http"),
        ("server.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("error.type", "502"),
        ("outcome", "error"),
    ] {
        assert_eq!(request.attribute(name), value, "{name}");
    }
    assert_eq!(value_of(&request.resource, "service.name"), "llm-gateway");

    let fetch = spans::of_stage(&trace, "backend_fetch");
    assert_eq!((fetch.kind, fetch.status, fetch.name.as_str()), (CLIENT, ERROR, "backend_fetch"));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "500"),
        ("url.full", &format!("{upstream}/v1/chat/completions")),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
        ("error.type", "500"),
        ("provider", "halcyon"),
        ("model", "halcyon-chat"),
    ] {
        assert_eq!(fetch.attribute(name), value, "{name}");
    }
    for stage in ["auth_validation", "request_parsing", "request_preparation"] {
        let span = spans::of_stage(&trace, stage);
        assert_eq!((span.kind, span.status), (INTERNAL, 0), "{stage}");
    }
}

#[test]
fn a_trace_that_the_client_does_not_sample_is_not_exported() {
    let fixture = Fixture::start(&options());
    let chat = Chat::whole("northwind-mini", "ttft=0s,tokens=1");

    fixture.client.chat_in_trace(&chat, &traceparent().replace("-01", "-00"));
    fixture.client.chat(&chat);

    // The second request's spans are exported after the first one's.
    spans::wait_for_trace(&fixture.stack, |_| true);
    let spans = spans::all(&fixture.stack);
    assert!(spans.iter().all(|it| it.trace_id != TRACE_ID), "{spans:#?}");
    fixture.prometheus.wait_for("sum(request_duration_seconds_count)", 2.0);
}

/// Serves one request in place of the simulated provider, and returns the lines of its head.
fn replace_provider(fixture: &Fixture) -> thread::JoinHandle<Vec<String>> {
    fixture.stack.upstream().unwrap().stop();
    let address = fixture.stack.addresses().upstream.as_deref().unwrap();
    let listener = TcpListener::bind(address.trim_start_matches("http://")).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let head = lines.take_while(|it| !it.is_empty()).collect();
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(answer.as_bytes()).unwrap();
        head
    })
}
