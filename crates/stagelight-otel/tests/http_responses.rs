//! HTTP responses of collectors.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the tests measure delays")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline, ShutdownError};

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// An HTTP server with fixed responses; the last one is repeated.
struct ScriptedServer {
    endpoint: String,
    /// When requests arrived.
    requests: Arc<Mutex<Vec<Instant>>>,
}

// === impl ScriptedServer ===

impl ScriptedServer {
    fn start(responses: Vec<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Instant>>>::default();
        let received = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (received, responses) = (Arc::clone(&received), responses.clone());
                thread::spawn(move || serve(stream.unwrap(), &received, &responses));
            }
        });
        Self { endpoint, requests }
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Returns the time between the first two requests.
    fn delay(&self) -> Duration {
        let requests = self.requests.lock().unwrap();
        requests[1] - requests[0]
    }
}

fn serve(mut stream: TcpStream, received: &Mutex<Vec<Instant>>, responses: &[String]) {
    while read_request(&mut stream).is_some() {
        let mut received = received.lock().unwrap();
        let response = &responses[received.len().min(responses.len() - 1)];
        received.push(Instant::now());
        drop(received);
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
        // A response without length has no end.
        if !response.contains("content-length") {
            while stream.write_all(&[b' '; 1024]).is_ok() {}
            return;
        }
    }
}

/// Reads one request with its body.
fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let (_, length) = head.split_once("content-length: ")?;
    let length = length.split("\r\n").next()?.parse().ok()?;
    stream.read_exact(&mut vec![0; length]).ok()
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// Returns a pipeline that exports metrics only, on request.
fn pipeline(endpoint: &str, timeout: Duration) -> Pipeline {
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ]));
    config.export_interval = Duration::from_secs(3600);
    config.metrics.timeout = timeout;
    config.shutdown_timeout = timeout;
    Pipeline::start(&Engine::new(), config).unwrap()
}

/// Flushes once to a server with these responses.
fn flush(responses: Vec<String>) -> (ScriptedServer, Result<(), ShutdownError>) {
    let server = ScriptedServer::start(responses);
    let timeout = Duration::from_secs(10);
    let pipeline = pipeline(&server.endpoint, timeout);
    let outcome = pipeline.flush();
    let last = server.count();
    drop(pipeline);
    server.requests.lock().unwrap().truncate(last);
    (server, outcome)
}

#[test]
fn retryable_statuses_are_retried() {
    for status in ["429 X", "502 X", "503 X", "504 X"] {
        let (server, outcome) = flush(vec![response(status, "", ""), ACCEPTED.to_owned()]);
        outcome.unwrap();
        assert_eq!(server.count(), 2, "{status}");
    }
    for status in ["400 X", "401 X", "404 X", "500 X", "501 X"] {
        let (server, outcome) = flush(vec![response(status, "", ""), ACCEPTED.to_owned()]);
        outcome.unwrap_err();
        assert_eq!(server.count(), 1, "{status}");
    }
}

#[test]
fn a_requested_delay_is_waited_for() {
    let seconds = || "1".to_owned();
    // A date has whole seconds: 1 to 2 s from now.
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for value in [seconds, date] {
        let header = format!("retry-after: {}\r\n", value());
        let busy = response("503 Service Unavailable", &header, "");
        let (server, outcome) = flush(vec![busy, ACCEPTED.to_owned()]);
        outcome.unwrap();
        assert!(Duration::from_millis(800) < server.delay(), "{header} {:?}", server.delay());
    }
}

#[test]
fn a_requested_delay_of_zero_does_not_replace_the_back_off() {
    let server = ScriptedServer::start(vec![response("503 X", "retry-after: 0\r\n", "")]);
    let timeout = Duration::from_secs(1);
    pipeline(&server.endpoint, timeout).flush().unwrap_err();
    assert!((2..=20).contains(&server.count()), "{}", server.count());
}

#[test]
fn a_requested_delay_outlasts_the_delivery() {
    for delay in ["2", "18446744073709551615", "99999999999999999999"] {
        let header = format!("retry-after: {delay}\r\n");
        let busy = response("429 Too Many Requests", &header, "");
        let server = ScriptedServer::start(vec![busy, ACCEPTED.to_owned()]);
        let timeout = Duration::from_millis(1500);
        let pipeline = pipeline(&server.endpoint, timeout);
        for _ in 0..3 {
            let error = pipeline.flush().unwrap_err();
            assert_eq!(error.undelivered[0].error.kind(), "429", "{error}");
        }
        assert_eq!(server.count(), 1);
        if delay == "2" {
            thread::sleep(Duration::from_secs(2));
            pipeline.flush().unwrap();
            assert_eq!(server.count(), 2);
        }
    }
}

#[test]
fn an_endless_response_counts_as_delivered() {
    let (server, outcome) = flush(vec!["HTTP/1.1 200 OK\r\n\r\n".to_owned()]);
    outcome.unwrap();
    assert_eq!(server.count(), 1);
}

#[test]
fn an_endless_error_is_an_error_and_not_retried() {
    let (server, outcome) = flush(vec!["HTTP/1.1 400 Bad Request\r\n\r\nno\n".to_owned()]);
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("responded with 400: no)"), "{error}");
    assert_eq!(server.count(), 1);
}

#[test]
fn a_stalled_response_counts_as_its_head_says() {
    let stalled = |status| format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\nno");
    let (server, outcome) = flush(vec![stalled("200 OK")]);
    outcome.unwrap();
    assert_eq!(server.count(), 1);
    let (server, outcome) = flush(vec![stalled("400 Bad Request")]);
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("responded with 400: no)"), "{error}");
    assert_eq!(server.count(), 1);
}

#[test]
fn a_stalled_response_is_given_up_before_the_deadline() {
    let server =
        ScriptedServer::start(vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned()]);
    let pipeline = pipeline(&server.endpoint, Duration::from_millis(900));
    pipeline.flush().unwrap();
    assert_eq!(server.count(), 1);
}

#[test]
fn a_web_page_is_not_a_receipt() {
    let page = response("200 OK", "content-type: text/html; charset=utf-8\r\n", "<html>hi");
    let (server, outcome) = flush(vec![page]);
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("200: a web page, so this is not an OTLP receiver"));
    assert_eq!(server.count(), 1);
}

#[test]
fn a_redirect_is_named_and_not_followed() {
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let redirect = response(status, "location: https://elsewhere/v1/metrics\r\n", "");
        let (server, outcome) = flush(vec![redirect]);
        let error = outcome.unwrap_err().to_string();
        let expected = "redirects are not followed, set the endpoint to https://elsewhere/";
        assert!(error.contains(&status[..3]) && error.contains(expected), "{error}");
        assert_eq!(server.count(), 1);
    }
}
