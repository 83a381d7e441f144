//! What hides what, asked of a real Alertmanager, with the labels that the shipped rules give.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stack::{GatewaySource, Stack, StackOptions};

use super::shipped_alerts;

/// An alert's name, and where it is: labels that it has besides those of its rule.
type Firing = (&'static str, &'static [(&'static str, &'static str)]);

/// One thing that goes wrong in one place, and is told as several alerts.
struct Case {
    firing: &'static [Firing],
    /// Which of them are hidden, by their position.
    hidden: &'static [usize],
}

/// Ends of alerts that hold, and of those that are over.
const HOLDS: &str = "2100-01-01T00:00:00Z";
const ENDED: &str = "2026-01-01T00:00:01Z";

const A: (&str, &str) = ("instance", "a");
const B: (&str, &str) = ("instance", "b");
const HOST: (&str, &str) = ("job", "host");
const SERVICE: (&str, &str) = ("job", "shop");
const OTELCOL: (&str, &str) = ("job", "otelcol");

/// A case that comes last: when its second alert is hidden, all that came before has been looked at.
const LAST: [Firing; 2] = [("CriticalCpu", &[("job", "last")]), ("HighCpu", &[("job", "last")])];

const CASES: &[Case] = &[
    Case { firing: &[("HighBackendTTFB", &[]), ("CriticalBackendTTFB", &[])], hidden: &[0] },
    Case {
        firing: &[
            ("CriticalMemory", &[HOST, A]),
            ("HighMemory", &[HOST, A]),
            // Another machine, and another thing.
            ("HighMemory", &[HOST, B]),
            ("HighCpu", &[HOST, A]),
        ],
        hidden: &[1],
    },
    Case {
        firing: &[
            ("CriticalRequestLatency", &[SERVICE, ("endpoint", "/pay")]),
            ("HighRequestLatency", &[SERVICE, ("endpoint", "/pay")]),
            ("HighRequestLatency", &[SERVICE, ("endpoint", "/list")]),
        ],
        hidden: &[1],
    },
    Case {
        firing: &[("CriticalErrorRate", &[SERVICE]), ("HighErrorRate", &[SERVICE])],
        hidden: &[1],
    },
    Case {
        firing: &[
            ("ErrorBudgetGoneIn2Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "errors")]),
        ],
        hidden: &[1],
    },
    // One budget, as fast as both limits.
    Case {
        firing: &[
            ("ErrorBudgetGoneIn2Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn5Days", &[SERVICE, ("slo", "latency")]),
            ("ErrorBudgetGoneIn5Days", &[SERVICE, ("slo", "errors")]),
        ],
        hidden: &[1],
    },
    Case {
        firing: &[
            ("ErrorBudgetGoneIn10Days", &[SERVICE, ("slo", "errors")]),
            ("ErrorBudgetGoneIn30Days", &[SERVICE, ("slo", "errors")]),
        ],
        hidden: &[1],
    },
    Case {
        firing: &[
            ("CollectorQueueFull", &[OTELCOL, A, ("exporter", "otlp_http")]),
            ("CollectorQueueFilling", &[OTELCOL, A, ("exporter", "otlp_http")]),
            ("CollectorQueueFilling", &[OTELCOL, A, ("exporter", "otlp_grpc")]),
        ],
        hidden: &[1],
    },
    // One collector of several is down: no service's silence is explained.
    Case {
        firing: &[
            ("CollectorDown", &[OTELCOL, A]),
            ("ServiceStoppedExporting", &[SERVICE]),
            ("SpansDropped", &[SERVICE]),
        ],
        hidden: &[],
    },
    // Nothing at all comes any more.
    Case {
        firing: &[
            ("CollectorDown", &[OTELCOL, A]),
            ("PrometheusReceivesNothing", &[("job", "prometheus")]),
            ("ServiceStoppedExporting", &[SERVICE]),
            ("ServiceExportsFail", &[("job", "other")]),
            ("SpansDropped", &[("job", "other")]),
            // The machine's memory has nothing to do with it.
            ("HighMemory", &[HOST, A]),
        ],
        hidden: &[1, 2, 3, 4],
    },
];

#[test]
fn the_graver_hides_the_milder_of_the_same_thing_in_the_same_place_and_nothing_else() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        rules: false,
        scrape_interval: None,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    let url = format!("{}/api/v2/alerts", stack.addresses().alertmanager.as_deref().unwrap());
    let labels = labels_of_rules();

    let alerts = |all: &[Firing]| -> Vec<Value> {
        all.iter().map(|(name, place)| alert(&labels[*name], place)).collect()
    };
    let last = alerts(&LAST);

    for case in CASES {
        let firing = alerts(case.firing);
        send(&url, &firing, HOLDS);
        send(&url, &last, HOLDS);
        wait_until_hidden(&url, &last[1]);

        let seen = alerts_of(&url);
        let hidden: Vec<usize> = (0..firing.len())
            .filter(|&index| is_hidden(&seen, &firing[index]).expect("it has been sent"))
            .collect();
        assert_eq!(hidden, case.hidden, "{:?}", case.firing);

        send(&url, &last, ENDED);
        send(&url, &firing, ENDED);
    }
}

/// Reads the rules' labels by the alerts' names.
fn labels_of_rules() -> BTreeMap<String, Value> {
    let read = |labels: Vec<String>| {
        let pairs = labels.iter().filter_map(|it| it.split_once('='));
        let labels: BTreeMap<_, _> = pairs.collect();
        (labels["alertname"].to_owned(), json!(labels))
    };
    shipped_alerts().into_iter().map(read).collect()
}

fn alert(labels: &Value, place: &[(&str, &str)]) -> Value {
    let mut labels = labels.clone();
    for (name, value) in place {
        labels[*name] = (*value).into();
    }
    labels
}

/// Tells Alertmanager of alerts that hold until a moment.
fn send(url: &str, alerts: &[Value], until: &str) {
    let alert = |labels: &Value| json!({ "labels": labels, "startsAt": "2026-01-01T00:00:00Z", "endsAt": until });
    let alerts: Vec<_> = alerts.iter().map(alert).collect();
    let request = agent().post(url).header("content-type", "application/json");
    request.send(Value::from(alerts).to_string()).unwrap();
}

#[track_caller]
fn wait_until_hidden(url: &str, labels: &Value) {
    let came = (0..200).any(|_| {
        sleep(Duration::from_millis(20));
        is_hidden(&alerts_of(url), labels) == Some(true)
    });
    assert!(came, "{labels} is not hidden");
}

fn alerts_of(url: &str) -> Vec<Value> {
    let answer = agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// Returns whether another alert hides the one with these labels; `None` if it is not there.
fn is_hidden(alerts: &[Value], labels: &Value) -> Option<bool> {
    let found = alerts.iter().find(|it| it["labels"] == *labels)?;
    Some(found["status"]["inhibitedBy"] != json!([]))
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build())
}
