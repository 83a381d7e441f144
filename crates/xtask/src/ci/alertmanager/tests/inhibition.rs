//! Inhibition, in a real Alertmanager, of alerts with the labels of the shipped rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed::clock::eventually;
use testbed::http_client::{agent, get};
use testbed::{GatewaySource, Stack, StackOptions};

use super::alerts;

/// An alert's name, and the labels that it has besides those of its rule.
type Firing = (&'static str, &'static [(&'static str, &'static str)]);

/// Alerts that fire at the same time.
struct Case {
    firing: &'static [Firing],
    /// The indices of the inhibited ones.
    inhibited: &'static [usize],
}

/// End times of active and of resolved alerts.
const ACTIVE: &str = "2100-01-01T00:00:00Z";
const RESOLVED: &str = "2026-01-01T00:00:01Z";

const A: (&str, &str) = ("instance", "a");
const B: (&str, &str) = ("instance", "b");
const HOST: (&str, &str) = ("job", "host");
const SERVICE: (&str, &str) = ("job", "shop");
const OTELCOL: (&str, &str) = ("job", "otelcol");

/// Sent after each case. When the second alert is inhibited, Alertmanager has processed the case.
const SENTINEL: [Firing; 2] =
    [("CriticalCpu", &[("job", "last")]), ("HighCpu", &[("job", "last")])];

const CASES: &[Case] = &[
    Case { firing: &[("HighBackendTTFB", &[]), ("CriticalBackendTTFB", &[])], inhibited: &[0] },
    Case {
        firing: &[
            ("CriticalMemory", &[HOST, A]),
            ("HighMemory", &[HOST, A]),
            // Another machine; another resource.
            ("HighMemory", &[HOST, B]),
            ("HighCpu", &[HOST, A]),
        ],
        inhibited: &[1],
    },
    Case {
        firing: &[
            ("CriticalRequestLatency", &[SERVICE, ("endpoint", "/pay")]),
            ("HighRequestLatency", &[SERVICE, ("endpoint", "/pay")]),
            ("HighRequestLatency", &[SERVICE, ("endpoint", "/list")]),
        ],
        inhibited: &[1],
    },
    Case {
        firing: &[("CriticalErrorRate", &[SERVICE]), ("HighErrorRate", &[SERVICE])],
        inhibited: &[1],
    },
    Case {
        firing: &[
            ("ErrorBudgetGoneIn2Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "errors")]),
        ],
        inhibited: &[1],
    },
    // One budget, burning faster than both limits.
    Case {
        firing: &[
            ("ErrorBudgetGoneIn2Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn5Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn5Days", &[SERVICE, ("slo", "errors")]),
        ],
        inhibited: &[1],
    },
    Case {
        firing: &[
            ("ErrorBudgetGoneIn10Days", &[SERVICE, ("slo", "errors")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "errors")]),
        ],
        inhibited: &[1],
    },
    Case {
        firing: &[
            ("CollectorQueueFull", &[OTELCOL, A, ("exporter", "otlp_http")]),
            ("CollectorQueueFilling", &[OTELCOL, A, ("exporter", "otlp_http")]),
            ("CollectorQueueFilling", &[OTELCOL, A, ("exporter", "otlp_grpc")]),
        ],
        inhibited: &[1],
    },
    // One of several collectors is down: that does not explain why a service is silent.
    Case {
        firing: &[
            ("CollectorDown", &[OTELCOL, A]),
            ("ServiceStoppedExporting", &[SERVICE]),
            ("SpansDropped", &[SERVICE]),
        ],
        inhibited: &[],
    },
    // Prometheus receives nothing.
    Case {
        firing: &[
            ("CollectorDown", &[OTELCOL, A]),
            ("PrometheusReceivesNothing", &[("job", "prometheus")]),
            ("ServiceStoppedExporting", &[SERVICE]),
            ("ServiceExportsFail", &[("job", "other")]),
            ("SpansDropped", &[("job", "other")]),
            // Unrelated.
            ("HighMemory", &[HOST, A]),
        ],
        inhibited: &[1, 2, 3, 4],
    },
];

#[test]
fn severe_alerts_inhibit_milder_ones_of_the_same_cause_and_place_only() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        rules: false,
        scrape_interval: None,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    let url = format!("{}/api/v2/alerts", stack.addresses().alertmanager.as_deref().unwrap());
    let rules = labels_by_alert();
    let with_labels = |all: &[Firing]| -> Vec<Value> {
        let alert = |(name, place): &Firing| {
            let mut labels = rules[*name].clone();
            place.iter().for_each(|(name, value)| labels[*name] = (*value).into());
            labels
        };
        all.iter().map(alert).collect()
    };
    let sentinel = with_labels(&SENTINEL);

    for case in CASES {
        let firing = with_labels(case.firing);
        send(&url, &firing, ACTIVE);
        send(&url, &sentinel, ACTIVE);
        eventually(|| match is_inhibited(&url, &sentinel[1]) {
            Some(true) => Ok(()),
            other => Err(format!("the sentinel is inhibited: {other:?}")),
        });

        let inhibited: Vec<usize> = (0..firing.len())
            .filter(|&index| is_inhibited(&url, &firing[index]).expect("it has been sent"))
            .collect();
        assert_eq!(inhibited, case.inhibited, "{:?}", case.firing);

        send(&url, &sentinel, RESOLVED);
        send(&url, &firing, RESOLVED);
    }
}

/// Returns the shipped rules' labels by alert.
fn labels_by_alert() -> BTreeMap<String, Value> {
    let read = |labels: Vec<String>| {
        let labels: BTreeMap<_, _> = labels.iter().filter_map(|it| it.split_once('=')).collect();
        (labels["alertname"].to_owned(), json!(labels))
    };
    alerts().unwrap().into_iter().map(read).collect()
}

/// Sends alerts that end at `end`.
fn send(url: &str, alerts: &[Value], end: &str) {
    let start = "2026-01-01T00:00:00Z";
    let alert = |labels| json!({ "labels": labels, "startsAt": start, "endsAt": end });
    let alerts: Vec<_> = alerts.iter().map(alert).collect();
    let request = agent().post(url).header("content-type", "application/json");
    let response = request.send(Value::from(alerts).to_string()).unwrap();
    assert_eq!(response.status(), 200);
}

/// Returns whether another alert inhibits the one with these labels; `None` if there is none.
fn is_inhibited(url: &str, labels: &Value) -> Option<bool> {
    let alerts: Vec<Value> = serde_json::from_str(&get(url).unwrap()).unwrap();
    let found = alerts.iter().find(|it| it["labels"] == *labels)?;
    Some(found["status"]["inhibitedBy"] != json!([]))
}
