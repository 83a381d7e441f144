//! Kills, full queues and full memory lose nothing beyond the documented limits.

use std::{collections::BTreeSet, thread, time::Duration};

use testbed::{Fleet, GatewaySource, Stack, StackOptions};

use super::{
    gateway::{agent, gateway},
    telemetry::{
        list_of, own_metric, send_counts, send_spans, span, trace_id, wait_for_spans, written,
    },
};
use crate::prometheus::Prometheus;
use testbed::clock::{eventually, unix_seconds};

/// The number of the counter's samples in Prometheus.
const SAMPLES: &str = "count_over_time(things_total[10m])";

/// Starts Prometheus; returns it with a client.
fn prometheus() -> (Stack, Prometheus) {
    let stack = Stack::start(&StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        rules: false,
        ..StackOptions::default()
    });
    let stack = stack.unwrap();
    let view = Prometheus::new(&stack.addresses().prometheus);
    (stack, view)
}

#[test]
fn no_sample_is_lost_when_prometheus_gateway_and_agent_are_killed() {
    let (stack, view) = prometheus();
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", &list)
        .with_env(
            "STAGELIGHT_PROMETHEUS_OTLP_URL",
            format!("{}/api/v1/otlp", stack.addresses().prometheus),
        )
        .start()
        .unwrap();
    let agent = agent(&fleet, "agent", &list)
        .with_env("STAGELIGHT_GATEWAY_ADDRESS", gateway.addresses().otlp_grpc.to_string())
        .start()
        .unwrap();
    let mut sent = 0;
    let mut send = || {
        for _ in 0..5 {
            sent += 1;
            let status =
                send_counts(agent.addresses().otlp_http, &[("things", &[], sent)], unix_seconds());
            assert_eq!(status, 200);
            // Samples with the same timestamp would be merged.
            thread::sleep(Duration::from_millis(5));
        }
    };

    send();
    view.wait_for(SAMPLES, 5.0);
    stack.prometheus().kill_hard();
    send();
    gateway.server().kill_hard();
    send();
    agent.server().kill_hard();
    agent.server().restart().unwrap();
    send();
    gateway.server().restart().unwrap();
    stack.prometheus().restart().unwrap();
    send();

    view.wait_for(SAMPLES, 25.0);
    view.wait_for("max_over_time(things_total[10m])", 25.0);
}

#[test]
fn a_full_queue_rejects_and_counts_and_delivers_accepted_samples() {
    let (stack, view) = prometheus();
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let agent = agent(&fleet, "agent", &list)
        .with_env("STAGELIGHT_GATEWAY_ADDRESS", gateway.addresses().otlp_grpc.to_string())
        .with_env("STAGELIGHT_QUEUE_BYTES", "3000000")
        // Only this test's metrics may be in the queue.
        .with_env("STAGELIGHT_HOST_INTERVAL", "1h")
        .with_yaml("receivers::host_metrics::initial_delay: 1h")
        .start()
        .unwrap();

    let padding = [("padding".to_owned(), "x".repeat(150_000).into())];
    let (mut accepted, mut refused) = (0, 0);
    while refused < 3 && accepted < 100 {
        let count = ("things", padding.as_slice(), 1);
        match send_counts(agent.addresses().otlp_http, &[count], unix_seconds()) {
            200 => accepted += 1,
            // Senders retry.
            503 => refused += 1,
            other => panic!("{other}"),
        }
        thread::sleep(Duration::from_millis(5));
    }

    assert_eq!(refused, 3, "after {accepted}");
    assert!(10 < accepted, "{accepted}");
    for (metric, expected) in [
        ("otelcol_exporter_enqueue_failed_metric_points", 3.0),
        ("otelcol_receiver_refused_metric_points", 3.0),
        ("otelcol_receiver_accepted_metric_points", f64::from(accepted)),
    ] {
        assert_eq!(own_metric(&agent, metric), expected, "{metric}");
    }
    let (size, capacity) = ("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity");
    // One of the two queues is empty.
    let ratio = own_metric(&agent, size) / own_metric(&agent, capacity) * 2.0;
    assert!((0.9..=1.0).contains(&ratio), "{ratio}");

    let _gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", &list)
        .with_env(
            "STAGELIGHT_PROMETHEUS_OTLP_URL",
            format!("{}/api/v1/otlp", stack.addresses().prometheus),
        )
        .start()
        .unwrap();
    view.wait_for(SAMPLES, f64::from(accepted));
}

#[test]
fn an_agent_keeps_traces_for_a_gateway_that_is_down_even_if_killed() {
    const TRACES: u32 = 40;
    let fleet = Fleet::new().unwrap();
    let (a, b) = (gateway(&fleet, "gateway-a"), gateway(&fleet, "gateway-b"));
    let list = list_of(&[&a, &b]);
    let agent = agent(&fleet, "agent", &list).start().unwrap();
    let [a, b] = [a, b].map(|it| {
        let it = it.with_env("STAGELIGHT_GATEWAYS", &list);
        it.with_env("STAGELIGHT_REST_PERCENT", "100")
    });
    let a = a.start().unwrap();

    let spans: Vec<_> = (0..TRACES).map(|it| span(it, 1)).collect();
    assert_eq!(send_spans(agent.addresses().otlp_http, &spans), 200);
    // The running gateway has its part.
    eventually(|| match written(&a).len() {
        0 => Err("nothing yet"),
        some => Ok(some),
    });
    agent.server().kill_hard();
    agent.server().restart().unwrap();
    let b = b.start().unwrap();

    let all: BTreeSet<_> = (0..TRACES).map(trace_id).collect();
    eventually(|| {
        let arrived = written(&a).into_iter().chain(written(&b)).map(|it| it.trace_id);
        let arrived: BTreeSet<_> = arrived.collect();
        if arrived == all { Ok(()) } else { Err(format!("{} of {TRACES}", arrived.len())) }
    });
}

#[test]
fn a_gateway_decides_on_its_traces_at_shutdown() {
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", list)
        .with_env("STAGELIGHT_DECISION_WAIT", "1h")
        .with_env("STAGELIGHT_DECISION_WAIT_AFTER_ROOT", "1h")
        .with_env("STAGELIGHT_REST_PERCENT", "0")
        .start()
        .unwrap();
    let spans = [span(1, 1).failed("no"), span(1, 2), span(2, 1)];
    assert_eq!(send_spans(gateway.addresses().otlp_http, &spans), 200);
    let held = "otelcol_processor_tail_sampling_sampling_traces_on_memory";
    eventually(|| match own_metric(&gateway, held) {
        2.0 => Ok(()),
        other => Err(format!("{other} traces held")),
    });
    assert_eq!(written(&gateway).len(), 0);

    gateway.server().stop();

    let kept = wait_for_spans(&[&gateway], 2).remove(0);
    assert_eq!(kept.keys().cloned().collect::<Vec<_>>(), [trace_id(1)]);
}

#[test]
fn exports_above_the_receivers_limit_are_split() {
    const SPANS: u32 = 6_000;
    let fleet = Fleet::new().unwrap();
    let gateway = gateway(&fleet, "gateway");
    let list = list_of(&[&gateway]);
    let gateway = gateway
        .with_env("STAGELIGHT_GATEWAYS", &list)
        .with_env("STAGELIGHT_REST_PERCENT", "100")
        .start()
        .unwrap();
    let agent = agent(&fleet, "agent", &list).start().unwrap();

    // More than 6 MB; the limit of gRPC receivers is 4 MiB.
    let padding = "x".repeat(1_000);
    let spans: Vec<_> =
        (0..SPANS).map(|it| span(it, 1).with("padding", padding.as_str())).collect();
    assert_eq!(send_spans(agent.addresses().otlp_http, &spans), 200);

    wait_for_spans(&[&gateway], SPANS as usize);
}

#[test]
fn a_collector_without_memory_rejects_and_counts() {
    let fleet = Fleet::new().unwrap();
    let collector = fleet.collector("collector").unwrap();
    let collector = collector
        .with_file("all-in-one.yaml")
        // Less than an idle collector uses.
        .with_env("STAGELIGHT_COLLECTOR_MEMORY_MIB", "5")
        .start()
        .unwrap();
    let receiver = collector.addresses().otlp_http;

    // The limiter checks once a second.
    eventually(|| match send_spans(receiver, &[span(1, 1)]) {
        503 => Ok(()),
        other => Err(other),
    });
    assert_eq!(own_metric(&collector, "otelcol_processor_memory_limiter_refused_spans"), 1.0);
    assert_eq!(own_metric(&collector, "otelcol_receiver_refused_spans"), 1.0);
}
