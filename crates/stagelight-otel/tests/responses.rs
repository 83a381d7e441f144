//! How responses of collectors are understood.
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

use prost::Message;
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Exporter, Pipeline, Protocol, ShutdownError};
use testbed::OtlpSink;
use tonic::{Code, Status};

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
fn pipeline(endpoint: &str, protocol: Protocol, timeout: Duration) -> Pipeline {
    let config = Config::from_env(&Environment::from_pairs([("", "")]))
        .with_traces_exporter(Exporter::None)
        .with_protocol(protocol)
        .with_endpoint(endpoint)
        .unwrap()
        .with_export_interval(Duration::from_secs(3600))
        .with_timeout(timeout)
        .with_shutdown_timeout(timeout);
    Pipeline::start(&Engine::new(), config).unwrap()
}

/// Flushes once to a server with these responses.
fn flush(responses: Vec<String>) -> (ScriptedServer, Result<(), ShutdownError>) {
    let server = ScriptedServer::start(responses);
    let timeout = Duration::from_secs(10);
    let pipeline = pipeline(&server.endpoint, Protocol::HttpProtobuf, timeout);
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
    let date = SystemTime::now() + Duration::from_secs(3);
    let date = format!("retry-after: {}\r\n", httpdate::fmt_http_date(date));
    for header in ["retry-after: 1\r\n", &date] {
        let busy = response("503 Service Unavailable", header, "");
        let (server, outcome) = flush(vec![busy, ACCEPTED.to_owned()]);
        outcome.unwrap();
        // A date has whole seconds.
        assert!(Duration::from_millis(900) < server.delay(), "{header} {:?}", server.delay());
    }
}

#[test]
fn a_requested_delay_outlasts_the_delivery() {
    for delay in ["2", "18446744073709551615", "99999999999999999999"] {
        let header = format!("retry-after: {delay}\r\n");
        let busy = response("429 Too Many Requests", &header, "");
        let server = ScriptedServer::start(vec![busy, ACCEPTED.to_owned()]);
        let timeout = Duration::from_millis(1500);
        let pipeline = pipeline(&server.endpoint, Protocol::HttpProtobuf, timeout);
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

/// Flushes to a sink that fails once with this status; returns the number of requests, and the
/// outcome.
fn flush_grpc(status: Status) -> (usize, Result<(), ShutdownError>) {
    let sink = OtlpSink::start().unwrap();
    let pipeline = pipeline(&sink.grpc_endpoint(), Protocol::Grpc, Duration::from_secs(10));
    sink.fail_grpc(Some(status));
    let outcome = thread::scope(|scope| {
        let flushing = scope.spawn(|| pipeline.flush());
        assert!(sink.wait_until(|it| !it.heads().is_empty()));
        sink.fail_grpc(None);
        flushing.join().unwrap()
    });
    (sink.heads().len(), outcome)
}

#[test]
fn retryable_grpc_statuses_are_retried() {
    let retryable = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::ResourceExhausted,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    let codes = (1..=16).map(Code::from);
    for code in codes {
        let (requests, outcome) = flush_grpc(Status::new(code, "no, thank you"));
        let is_retried = retryable.contains(&code);
        assert_eq!(
            (requests, outcome.is_ok()),
            (1 + usize::from(is_retried), is_retried),
            "{code:?}"
        );
    }
}

/// The details of a status, `google.rpc.Status`, with `google.rpc.RetryInfo` of this many seconds.
fn retry_info(seconds: u8) -> Vec<u8> {
    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
    // The field `retry_delay` with the field `seconds`.
    let value = vec![0x0a, 2, 0x08, seconds];
    Details { details: vec![Any { type_url, value }] }.encode_to_vec()
}

#[test]
fn a_grpc_server_can_request_a_delay() {
    for code in [Code::ResourceExhausted, Code::Unavailable] {
        let begun = Instant::now();
        let status = Status::with_details(code, "too many", retry_info(2).into());
        let (requests, outcome) = flush_grpc(status);
        outcome.unwrap();
        assert_eq!(requests, 2);
        assert!(Duration::from_secs(2) <= begun.elapsed(), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_silent_http2_connection_is_probed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let pipeline = pipeline(&endpoint, Protocol::Grpc, Duration::from_secs(12));
    thread::scope(|scope| {
        scope.spawn(|| pipeline.flush().unwrap_err());
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The client's preface, answered by empty settings.
        stream.read_exact(&mut [0; 24]).unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).expect("a ping within 20 s");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).unwrap();
            let (kind, flags) = (head[3], head[4]);
            if kind == 6 && flags == 0 {
                break;
            }
        }
        // Closes the connection, which ends the flush at its next attempt.
        drop((stream, listener));
    });
}
