//! Alerting on the whole chain, from the cause to the message: rules, routes and inhibition.
//!
//! Rules and Alertmanager's file are the shipped ones with every duration divided by [`SPEED`]:
//! `[5m]` is `[5s]`, `for: 2m` is `for: 2s`, `group_wait: 10s` is a second. Everything else,
//! including the thresholds, is as shipped.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::Value;
use testbed::StackOptions;

use crate::{
    alert_receiver::AlertReceiver,
    client::Chat,
    fixture::{Fixture, SCRAPE, SetOnDrop, options},
};
use testbed::clock::eventually;
use testbed::http_client::get;

/// The divisor of durations.
const SPEED: u32 = 60;

/// Number of concurrent requests. With fewer, slow requests leave windows without samples.
const CLIENTS: usize = 12;

const HIGH: &str = "HighBackendTTFB";
const CRITICAL: &str = "CriticalBackendTTFB";
const DOWN: &str = "CollectorDown";
const FULL: &str = "CollectorEnqueueFails";
const SILENCE: &str = "PrometheusReceivesNothing";

/// Prometheus' rate of OTLP requests, per second.
const PUSHES: &str =
    "sum(rate(prometheus_http_requests_total{handler=\"/api/v1/otlp/v1/metrics\"}[5s]))";

fn start(receiver: &AlertReceiver) -> Fixture {
    Fixture::start(&StackOptions {
        scrape_interval: Some(Duration::from_millis(500)),
        rules: true,
        evaluation_interval: Duration::from_millis(500),
        alert_speed: SPEED,
        alertmanager: Some(receiver.alertmanager()),
        ..options()
    })
}

/// Sends requests until `wait` returns.
fn under_load<T>(fixture: &Fixture, wait: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let chat = Chat::streamed("northwind-mini", "ttft=200ms,tokens=2,token-interval=1ms");
    let send = || {
        while !is_over.load(SeqCst) {
            let answer = fixture.client.chat(&chat);
            assert!(answer.status == 200 && answer.is_complete, "{answer:?}");
        }
    };
    thread::scope(|scope| {
        let _end = SetOnDrop(&is_over);
        for _ in 0..CLIENTS {
            scope.spawn(send);
        }
        wait()
    })
}

#[test]
fn a_slow_backend_is_notified_and_resolved() {
    let receiver = AlertReceiver::start();
    let fixture = start(&receiver);
    let gateway = fixture.stack.gateway().unwrap();

    gateway.restart_with(&["--slow", "backend_fetch=2200ms"]).unwrap();
    under_load(&fixture, || {
        receiver.wait_for(HIGH, "firing");
        check_chat(&receiver.wait_for_slack("WARNING: HighBackendTTFB"));
    });
    assert!(receiver.notifications().iter().all(|it| it.alert != CRITICAL));

    gateway.restart_with(&["--slow", "backend_fetch=3s"]).unwrap();
    under_load(&fixture, || {
        let notification = receiver.wait_for(CRITICAL, "firing");
        assert_eq!(notification.json["commonLabels"]["severity"], "critical");
        receiver.wait_for_page("trigger", "CRITICAL: CriticalBackendTTFB");
        receiver.wait_for_slack("CRITICAL: CriticalBackendTTFB");
        wait_until_inhibited(&fixture, HIGH, CRITICAL);
    });

    gateway.restart().unwrap();
    under_load(&fixture, || {
        receiver.wait_for(CRITICAL, "resolved");
        receiver.wait_for(HIGH, "resolved");
        receiver.wait_for_page("resolve", "RESOLVED: CriticalBackendTTFB");
        let message = receiver.wait_for_slack("RESOLVED: CriticalBackendTTFB");
        assert_eq!(message["color"], "good", "{message}");
    });
}

/// Checks that a message has summary, value, runbook and buttons.
fn check_chat(message: &Value) {
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("Backend TTFB is high"), "{text}");
    // Between the bounds of the bucket of 2.2 s.
    let value = text.split("TTFB is 2.").nth(1).and_then(|it| it.split('s').next()).unwrap();
    assert!(value.len() < 4 && value.parse::<u32>().is_ok(), "{text}");
    assert!(text.contains("/collector/runbooks/HighBackendTTFB.md"), "{text}");
    assert_eq!(message["color"], "warning", "{message}");
    let buttons: Vec<_> =
        message["actions"].as_array().unwrap().iter().map(|it| &it["text"]).collect();
    assert_eq!(buttons, ["Runbook", "Dashboard", "Silence"]);
}

/// Waits until Alertmanager inhibits an alert because of another.
#[track_caller]
fn wait_until_inhibited(fixture: &Fixture, inhibited: &str, by: &str) {
    eventually(|| {
        let all = alerts(fixture);
        let find = |name: &str| all.iter().find(|it| it["labels"]["alertname"] == name);
        let is_inhibited = |it: &Value| {
            let by = find(by).map(|it| it["fingerprint"].clone());
            let sources = it["status"]["inhibitedBy"].as_array();
            by.is_some_and(|by| sources.is_some_and(|it| it.contains(&by)))
        };
        let states = || all.iter().map(|it| format!("{} {}", it["labels"], it["status"]));
        if find(inhibited).is_some_and(is_inhibited) {
            Ok(())
        } else {
            Err(format!(
                "{by} does not inhibit {inhibited}:\n{}",
                states().collect::<Vec<_>>().join("\n")
            ))
        }
    });
}

/// Returns all alerts in Alertmanager, inhibited ones included.
fn alerts(fixture: &Fixture) -> Vec<Value> {
    let url =
        format!("{}/api/v2/alerts", fixture.stack.addresses().alertmanager.as_deref().unwrap());
    serde_json::from_str(&get(&url).unwrap()).unwrap()
}

#[test]
fn a_collector_that_is_down_causes_one_notification() {
    let receiver = AlertReceiver::start();
    let fixture = start(&receiver);
    under_load(&fixture, || {
        // A rate of pushes exists before it stops.
        eventually(|| match fixture.prometheus.number(PUSHES) {
            Some(rate) if 0.0 < rate => Ok(()),
            other => Err(format!("{other:?} pushes a second")),
        });
        fixture.stack.collector().kill_hard();

        receiver.wait_for(DOWN, "firing");
        wait_until_inhibited(&fixture, SILENCE, DOWN);
        wait_until_inhibited(&fixture, "SpansDropped", SILENCE);
        wait_until_inhibited(&fixture, "SpanQueueFilling", SILENCE);
        assert_eq!(telemetry_alerts(&receiver), BTreeSet::from([DOWN.to_owned()]));

        fixture.stack.collector().restart().unwrap();
        receiver.wait_for(DOWN, "resolved");
    });
}

/// Sends metrics to a closed port, from a queue for a few exports.
const STUCK: &str = "exporters: {otlp_http/prometheus: {endpoint: \"http://127.0.0.1:9\", \
    sending_queue: {sizer: items, queue_size: 3000, batch: {min_size: 1}}}}";

#[test]
fn a_full_queue_is_notified_and_resolved() {
    let receiver = AlertReceiver::start();
    let fixture = start(&receiver);
    let collector = fixture.stack.collector();

    collector.restart_with(&[&format!("--config=yaml:{STUCK}")]).unwrap();
    let notification = receiver.wait_for(FULL, "firing");
    let labels = &notification.json["commonLabels"];
    assert_eq!(
        (&labels["exporter"], &labels["severity"]),
        (&"otlp_http/prometheus".into(), &"critical".into())
    );
    // The service counts failed exports after its last retry.
    let failed = "otel_sdk_exporter_metric_data_point_exported_total";
    let scraped = format!("sum({failed}{{job={SCRAPE:?},error_type!=\"\"}})");
    eventually(|| match fixture.prometheus.number(&scraped) {
        Some(failed) if 0.0 < failed => Ok(()),
        other => Err(format!("{scraped} gives {other:?}")),
    });

    collector.restart().unwrap();
    receiver.wait_for(FULL, "resolved");
}

/// Returns the notified alerts, except those that a busy machine causes.
fn telemetry_alerts(receiver: &AlertReceiver) -> BTreeSet<String> {
    let of_requests = ["backend_ttfb", "frontend", "streaming", "latency", "error_budget"];
    let of_machine = ["cpu", "memory", "disk"];
    let notifications = receiver.notifications().into_iter();
    let alerts = notifications.filter(|it| {
        let cause = it.json["commonLabels"]["cause"].as_str();
        cause.is_some_and(|it| !of_requests.contains(&it) && !of_machine.contains(&it))
    });
    alerts.map(|it| it.alert).collect()
}
