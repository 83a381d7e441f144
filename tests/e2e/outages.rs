//! An outage of the collector loses no counts and does not slow the gateway.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use testbed::StackOptions;

use crate::{
    client::{Chat, Client},
    fixture::{Fixture, OTLP, SetOnDrop, options},
    spans,
};
use testbed::clock::{Stopwatch, eventually};

const LOST: &str = "telemetry export failed";
const FOUND: &str = "telemetry export recovered";

/// A fast request.
fn quick() -> Chat {
    Chat::streamed("northwind-mini", "ttft=0s,tokens=3,token-interval=2ms")
}

fn send_quick(client: &Client, times: usize) {
    for _ in 0..times {
        let answer = client.chat(&quick());
        assert!(answer.status == 200 && answer.is_complete, "{answer:?}");
    }
}

#[test]
fn counts_are_exact_when_the_collector_is_killed_and_started_again_under_load() {
    let fixture = Fixture::start(&options());
    let (streamed, whole) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let send = |chat: Chat, sent: &AtomicU64| {
        while !is_over.load(SeqCst) {
            let answer = fixture.client.chat(&chat);
            assert!(answer.status == 200 && answer.is_complete, "{answer:?}");
            sent.fetch_add(1, SeqCst);
        }
    };
    let sent_more = |more| {
        let sent = || streamed.load(SeqCst) + whole.load(SeqCst);
        let until = sent() + more;
        eventually(|| if until <= sent() { Ok(()) } else { Err(sent()) });
    };

    thread::scope(|scope| {
        scope.spawn(|| send(quick(), &streamed));
        scope.spawn(|| send(Chat { is_stream: false, ..quick() }, &whole));
        // A failure below must end the threads.
        let _end = SetOnDrop(&is_over);

        // Some requests are exported before the outage, some during it.
        fixture.settle(OTLP);
        fixture.stack.collector().kill_hard();
        let log = fixture.gateway_log(0).len();
        sent_more(20);
        eventually(|| contains(&fixture.gateway_log(log), LOST));
        fixture.stack.collector().restart().unwrap();
        sent_more(20);
        eventually(|| contains(&fixture.gateway_log(log), FOUND));
    });

    fixture.settle(OTLP);
    check_counts(&fixture, (streamed.load(SeqCst) + whole.load(SeqCst)) as f64);
    // Responses that are not streamed report usage, counted by the gateway's own instrument.
    let prompts = "sum(gateway_tokens_total{type=\"prompt\"})";
    assert_eq!(fixture.prometheus.number(prompts), Some(whole.load(SeqCst) as f64 * 3.0));
}

/// Checks that every metric has this count.
#[track_caller]
fn check_counts(fixture: &Fixture, expected: f64) {
    for metric in [
        "request_duration_seconds_count",
        "http_server_request_duration_seconds_count",
        "http_client_request_duration_seconds_count",
        "frontend_processing_seconds_count",
        "backend_ttfb_seconds_count",
        "streaming_duration_seconds_count",
        "request_stage_duration_seconds_count{stage=\"auth_validation\"}",
        "request_stage_share_seconds_count{stage=\"unattributed\"}",
    ] {
        let query = format!("sum({metric})");
        assert_eq!(fixture.prometheus.number(&query), Some(expected), "{query}");
    }
}

#[test]
fn shutdown_exports_the_last_measurements() {
    let fixture = Fixture::start(&exported_at_the_end());

    send_quick(&fixture.client, 5);
    assert_eq!(fixture.prometheus.query("request_duration_seconds_count"), []);
    fixture.stack.gateway().unwrap().stop();

    fixture.prometheus.wait_for("request_duration_seconds_count", 5.0);
    assert_eq!(fixture.prometheus.number("streaming_duration_seconds_count"), Some(5.0));
    let requests =
        || spans::all(&fixture.stack).iter().filter(|it| it.kind == spans::SERVER).count();
    eventually(|| if requests() == 5 { Ok(()) } else { Err(requests()) });
}

#[test]
fn without_a_collector_the_gateway_is_as_fast_and_logs_once() {
    let fixture = Fixture::start(&options());
    let gateway = fixture.stack.gateway().unwrap();
    let with_collector = seconds_for(&fixture, 20);
    gateway.stop();
    fixture.stack.collector().stop();
    let log = fixture.gateway_log(0).len();

    let starting = Stopwatch::start();
    gateway.restart().unwrap();
    assert!(starting.elapsed() < Duration::from_secs(5), "{:?}", starting.elapsed());
    eventually(|| {
        send_quick(&fixture.client, 1);
        contains(&fixture.gateway_log(log), LOST)
    });
    // Covers several failed exports.
    let without_collector = (0..5).map(|_| seconds_for(&fixture, 20)).fold(f64::MAX, f64::min);
    assert!(
        without_collector < with_collector * 2.0 + 0.1,
        "{with_collector} s with a collector, {without_collector} s without"
    );

    fixture.stack.collector().restart().unwrap();
    eventually(|| contains(&fixture.gateway_log(log), FOUND));
    let said = fixture.gateway_log(log);
    assert_eq!((said.matches(LOST).count(), said.matches(FOUND).count()), (1, 1), "{said}");
    assert_eq!(said.matches(" WARN ").count(), 1, "{said}");
}

#[test]
fn without_a_collector_the_gateway_ends_within_the_shutdown_timeout() {
    let mut options = exported_at_the_end();
    options.gateway_env.push(("STAGELIGHT_SHUTDOWN_TIMEOUT".to_owned(), "1000".to_owned()));
    let fixture = Fixture::start(&options);
    send_quick(&fixture.client, 3);
    fixture.stack.collector().kill_hard();

    let ending = Stopwatch::start();
    fixture.stack.gateway().unwrap().stop();

    assert!(ending.elapsed() < Duration::from_secs(3), "{:?}", ending.elapsed());
    let said = fixture.gateway_log(0);
    // The request span and one for each stage.
    assert!(said.contains("not delivered: 18 spans"), "{said}");
    assert!(said.contains("last metrics export"), "{said}");
}

/// Intervals so long that nothing is exported before the shutdown.
fn exported_at_the_end() -> StackOptions {
    StackOptions {
        export_interval: Duration::from_secs(3600),
        gateway_env: vec![("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "3600000".to_owned())],
        ..options()
    }
}

/// Returns the duration of sequential requests, in seconds.
fn seconds_for(fixture: &Fixture, requests: usize) -> f64 {
    let started = Stopwatch::start();
    send_quick(&fixture.client, requests);
    started.elapsed().as_secs_f64()
}

fn contains(log: &str, line: &str) -> Result<(), String> {
    if log.contains(line) { Ok(()) } else { Err(log.to_owned()) }
}
