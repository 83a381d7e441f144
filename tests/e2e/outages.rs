//! Nothing is lost, and nothing gets slow, when the collector is away.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use xtask::StackOptions;

use crate::{
    bench::{Bench, OTLP, options},
    caller::{Caller, Chat},
    clock::{EndOnDrop, eventually, now},
    spans,
};

const LOST: &str = "telemetry export failed";
const FOUND: &str = "telemetry export recovered";

/// A request that takes no time worth speaking of.
fn quick() -> Chat {
    Chat::streamed("northwind-mini", "ttft=0s,tokens=3,token-interval=2ms")
}

fn send_quick(caller: &Caller, times: usize) {
    for _ in 0..times {
        let answer = caller.chat(&quick());
        assert!(answer.status == 200 && answer.is_whole, "{answer:?}");
    }
}

#[test]
fn counts_are_exact_when_the_collector_is_killed_and_started_again_under_load() {
    let bench = Bench::start(&options());
    let (streamed, whole) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let send = |chat: Chat, sent: &AtomicU64| {
        while !is_over.load(SeqCst) {
            let answer = bench.caller.chat(&chat);
            assert!(answer.status == 200 && answer.is_whole, "{answer:?}");
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
        // Or else a failure in here would wait for them for ever.
        let _end = EndOnDrop(&is_over);

        // Some of it has been through the collector before, some comes while it is away.
        bench.settle(OTLP);
        bench.stack.collector().kill_hard();
        let log = bench.gateway_log(0).len();
        sent_more(20);
        eventually(|| contains(&bench.gateway_log(log), LOST));
        bench.stack.collector().restart().unwrap();
        sent_more(20);
        eventually(|| contains(&bench.gateway_log(log), FOUND));
    });

    bench.settle(OTLP);
    check_counts(&bench, (streamed.load(SeqCst) + whole.load(SeqCst)) as f64);
    // Whole replies tell what they used, and the gateway counts it with an instrument of its own.
    let prompts = "sum(gateway_tokens_total{type=\"prompt\"})";
    assert_eq!(bench.prometheus.number(prompts), Some(whole.load(SeqCst) as f64 * 3.0));
}

/// Checks that everything has been counted so many times.
#[track_caller]
fn check_counts(bench: &Bench, expected: f64) {
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
        assert_eq!(bench.prometheus.number(&query), Some(expected), "{query}");
    }
}

#[test]
fn what_was_measured_last_is_delivered_when_the_gateway_is_told_to_end() {
    let bench = Bench::start(&exported_at_the_end());

    send_quick(&bench.caller, 5);
    assert_eq!(bench.prometheus.query("request_duration_seconds_count"), []);
    bench.stack.gateway().unwrap().stop();

    bench.prometheus.wait_for("request_duration_seconds_count", 5.0);
    assert_eq!(bench.prometheus.number("streaming_duration_seconds_count"), Some(5.0));
    let requests = || spans::all(&bench.stack).iter().filter(|it| it.kind == spans::SERVER).count();
    eventually(|| if requests() == 5 { Ok(()) } else { Err(requests()) });
}

#[test]
fn a_gateway_without_a_collector_serves_as_ever_and_says_once_what_is_wrong() {
    let bench = Bench::start(&options());
    let gateway = bench.stack.gateway().unwrap();
    let with_collector = seconds_for(&bench, 20);
    gateway.stop();
    bench.stack.collector().stop();
    let log = bench.gateway_log(0).len();

    let starting = now();
    gateway.restart().unwrap();
    assert!(starting.elapsed() < Duration::from_secs(5), "{:?}", starting.elapsed());
    eventually(|| {
        send_quick(&bench.caller, 1);
        contains(&bench.gateway_log(log), LOST)
    });
    // Time for several more failures to export.
    let without_collector = (0..5).map(|_| seconds_for(&bench, 20)).fold(f64::MAX, f64::min);
    assert!(
        without_collector < with_collector * 2.0 + 0.1,
        "{with_collector} s with a collector, {without_collector} s without"
    );

    bench.stack.collector().restart().unwrap();
    eventually(|| contains(&bench.gateway_log(log), FOUND));
    let said = bench.gateway_log(log);
    assert_eq!((said.matches(LOST).count(), said.matches(FOUND).count()), (1, 1), "{said}");
    assert_eq!(said.matches(" WARN ").count(), 1, "{said}");
}

#[test]
fn a_gateway_without_a_collector_ends_within_the_shutdown_timeout() {
    let mut options = exported_at_the_end();
    options.gateway_env.push(("STAGELIGHT_SHUTDOWN_TIMEOUT".to_owned(), "1000".to_owned()));
    let bench = Bench::start(&options);
    send_quick(&bench.caller, 3);
    bench.stack.collector().kill_hard();

    let ending = now();
    bench.stack.gateway().unwrap().stop();

    assert!(ending.elapsed() < Duration::from_secs(3), "{:?}", ending.elapsed());
    let said = bench.gateway_log(0);
    // A request's own, and one for each stage.
    assert!(said.contains("not delivered: 18 spans"), "{said}");
    assert!(said.contains("last metrics export"), "{said}");
}

/// Intervals so long that nothing is exported before the end.
fn exported_at_the_end() -> StackOptions {
    StackOptions {
        export_interval: Duration::from_secs(3600),
        gateway_env: vec![("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "3600000".to_owned())],
        ..options()
    }
}

/// Returns how long some requests take, one after the other.
fn seconds_for(bench: &Bench, requests: usize) -> f64 {
    let started = now();
    send_quick(&bench.caller, requests);
    started.elapsed().as_secs_f64()
}

fn contains(log: &str, line: &str) -> Result<(), String> {
    if log.contains(line) { Ok(()) } else { Err(log.to_owned()) }
}
