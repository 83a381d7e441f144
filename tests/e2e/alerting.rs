//! From a cause to a message: rules, Alertmanager's routes and what hides what, on the whole chain.
//!
//! Rules and Alertmanager's file are the shipped ones with every duration divided by [`SPEED`]:
//! `[5m]` is `[5s]`, `for: 2m` is `for: 2s`, `group_wait: 10s` is a second. Everything else, the
//! thresholds above all, is as shipped.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::Value;
use xtask::StackOptions;

use crate::{
    bench::{Bench, SCRAPE, options},
    caller::{Chat, agent},
    clock::{EndOnDrop, eventually},
    receiver::Receiver,
};

/// How much faster than shipped time runs here.
const SPEED: u32 = 60;

/// How many requests are under way at any time: with fewer, slow ones leave windows without any.
const CALLERS: usize = 12;

const HIGH: &str = "HighBackendTTFB";
const CRITICAL: &str = "CriticalBackendTTFB";
const DOWN: &str = "CollectorDown";
const FULL: &str = "CollectorEnqueueFails";
const SILENCE: &str = "PrometheusReceivesNothing";

/// What Prometheus is sent by OTLP, in requests a second.
const PUSHES: &str =
    "sum(rate(prometheus_http_requests_total{handler=\"/api/v1/otlp/v1/metrics\"}[5s]))";

fn start(receiver: &Receiver) -> Bench {
    Bench::start(&StackOptions {
        scrape_interval: Some(Duration::from_millis(500)),
        rules: true,
        evaluation_interval: Duration::from_millis(500),
        alert_speed: SPEED,
        alertmanager: Some(receiver.alertmanager()),
        ..options()
    })
}

/// Keeps requests coming until `look` has seen what it waits for.
fn under_load<T>(bench: &Bench, look: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let chat = Chat::streamed("northwind-mini", "ttft=200ms,tokens=2,token-interval=1ms");
    let send = || {
        while !is_over.load(SeqCst) {
            let answer = bench.caller.chat(&chat);
            assert!(answer.status == 200 && answer.is_whole, "{answer:?}");
        }
    };
    thread::scope(|scope| {
        let _end = EndOnDrop(&is_over);
        for _ in 0..CALLERS {
            scope.spawn(send);
        }
        look()
    })
}

#[test]
fn a_slow_backend_is_told_of_and_so_is_its_end() {
    let receiver = Receiver::start();
    let bench = start(&receiver);
    let gateway = bench.stack.gateway().unwrap();

    gateway.restart_with(&["--slow", "backend_fetch=2200ms"]).unwrap();
    under_load(&bench, || {
        receiver.wait_for(HIGH, "firing");
        check_chat(&receiver.wait_for_slack("WARNING: HighBackendTTFB"));
    });
    assert!(receiver.notices().iter().all(|it| it.alert != CRITICAL));

    gateway.restart_with(&["--slow", "backend_fetch=3s"]).unwrap();
    under_load(&bench, || {
        let notice = receiver.wait_for(CRITICAL, "firing");
        assert_eq!(notice.json["commonLabels"]["severity"], "critical");
        receiver.wait_for_page("trigger", "CRITICAL: CriticalBackendTTFB");
        receiver.wait_for_slack("CRITICAL: CriticalBackendTTFB");
        wait_until_hidden(&bench, HIGH, CRITICAL);
    });

    gateway.restart().unwrap();
    under_load(&bench, || {
        receiver.wait_for(CRITICAL, "resolved");
        receiver.wait_for(HIGH, "resolved");
        receiver.wait_for_page("resolve", "RESOLVED: CriticalBackendTTFB");
        let message = receiver.wait_for_slack("RESOLVED: CriticalBackendTTFB");
        assert_eq!(message["color"], "good", "{message}");
    });
}

/// Checks that a message says what is wrong, how much it is, and where to read on.
fn check_chat(message: &Value) {
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("Backend TTFB is high"), "{text}");
    // Between the bounds of the bucket that 2.2 s are in.
    let value = text.split("TTFB is 2.").nth(1).and_then(|it| it.split('s').next()).unwrap();
    assert!(value.len() < 4 && value.parse::<u32>().is_ok(), "{text}");
    assert!(text.contains("/collector/runbooks/HighBackendTTFB.md"), "{text}");
    assert_eq!(message["color"], "warning", "{message}");
    let buttons: Vec<_> =
        message["actions"].as_array().unwrap().iter().map(|it| &it["text"]).collect();
    assert_eq!(buttons, ["Runbook", "Dashboard", "Silence"]);
}

/// Waits until Alertmanager holds an alert back because of another.
#[track_caller]
fn wait_until_hidden(bench: &Bench, hidden: &str, by: &str) {
    eventually(|| {
        let all = alerts(bench);
        let find = |name: &str| all.iter().find(|it| it["labels"]["alertname"] == name);
        let hides = |it: &Value| {
            let by = find(by).map(|it| it["fingerprint"].clone());
            let hiders = it["status"]["inhibitedBy"].as_array();
            by.is_some_and(|by| hiders.is_some_and(|it| it.contains(&by)))
        };
        let seen = || all.iter().map(|it| format!("{} {}", it["labels"], it["status"]));
        if find(hidden).is_some_and(hides) {
            Ok(())
        } else {
            Err(format!("{by} does not hide {hidden}:\n{}", seen().collect::<Vec<_>>().join("\n")))
        }
    });
}

/// Returns all alerts that Alertmanager has, shown or not.
fn alerts(bench: &Bench) -> Vec<Value> {
    let url = format!("{}/api/v2/alerts", bench.stack.addresses().alertmanager.as_deref().unwrap());
    let text = agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn of_a_collector_that_is_down_one_message_comes_and_not_ten() {
    let receiver = Receiver::start();
    let bench = start(&receiver);
    under_load(&bench, || {
        // There is a rate of pushes to miss.
        eventually(|| match bench.prometheus.number(PUSHES) {
            Some(rate) if 0.0 < rate => Ok(()),
            other => Err(format!("{other:?} pushes a second")),
        });
        bench.stack.collector().kill_hard();

        receiver.wait_for(DOWN, "firing");
        wait_until_hidden(&bench, SILENCE, DOWN);
        wait_until_hidden(&bench, "SpansDropped", SILENCE);
        wait_until_hidden(&bench, "SpanQueueFilling", SILENCE);
        assert_eq!(told_of_telemetry(&receiver), BTreeSet::from([DOWN.to_owned()]));

        bench.stack.collector().restart().unwrap();
        receiver.wait_for(DOWN, "resolved");
    });
}

/// Sends metrics to where nobody listens, from a queue with room for a few exports.
const STUCK: &str = "exporters: {otlp_http/prometheus: {endpoint: \"http://127.0.0.1:9\", \
    sending_queue: {sizer: items, queue_size: 3000, batch: {min_size: 1}}}}";

#[test]
fn of_a_queue_that_is_full_the_webhook_is_told_and_of_its_end() {
    let receiver = Receiver::start();
    let bench = start(&receiver);
    let collector = bench.stack.collector();

    collector.restart_with(&[&format!("--config=yaml:{STUCK}")]).unwrap();
    let notice = receiver.wait_for(FULL, "firing");
    let labels = &notice.json["commonLabels"];
    assert_eq!(
        (&labels["exporter"], &labels["severity"]),
        (&"otlp_http/prometheus".into(), &"critical".into())
    );
    // The sender was told, too: it tries again until its time is up, and counts then.
    let failed = "otel_sdk_exporter_metric_data_point_exported_total";
    let scraped = format!("sum({failed}{{job={SCRAPE:?},error_type!=\"\"}})");
    eventually(|| match bench.prometheus.number(&scraped) {
        Some(failed) if 0.0 < failed => Ok(()),
        other => Err(format!("{scraped} gives {other:?}")),
    });

    collector.restart().unwrap();
    receiver.wait_for(FULL, "resolved");
}

/// Returns which alerts the webhook was told of, other than those that a busy machine sets off.
fn told_of_telemetry(receiver: &Receiver) -> BTreeSet<String> {
    let of_requests = ["backend_ttfb", "frontend", "streaming", "latency", "error_budget"];
    let of_machine = ["cpu", "memory", "disk"];
    let notices = receiver.notices().into_iter();
    let alerts = notices.filter(|it| {
        let cause = it.json["commonLabels"]["cause"].as_str();
        cause.is_some_and(|it| !of_requests.contains(&it) && !of_machine.contains(&it))
    });
    alerts.map(|it| it.alert).collect()
}
