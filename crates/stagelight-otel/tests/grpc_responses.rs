//! gRPC responses of collectors.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-http"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the tests measure delays")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use prost::Message;
use stagelight_core::Engine;
use stagelight_otel::{Config, Environment, Pipeline, ShutdownError};
use testbed::OtlpSink;
use tonic::{Code, Status};

/// Returns a pipeline that exports metrics only, on request.
fn pipeline(endpoint: &str, timeout: Duration) -> Pipeline {
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    ]));
    config.export_interval = Duration::from_secs(3600);
    config.metrics.timeout = timeout;
    config.shutdown_timeout = timeout;
    Pipeline::start(&Engine::new(), config).unwrap()
}

/// Flushes to a sink that fails once with this status; returns the number of requests, and the
/// outcome.
fn flush_grpc(status: Status) -> (usize, Result<(), ShutdownError>) {
    let sink = OtlpSink::start().unwrap();
    let pipeline = pipeline(&sink.grpc_endpoint(), Duration::from_secs(10));
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
    let pipeline = pipeline(&endpoint, Duration::from_secs(12));
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
