//! Hand-made telemetry, and the collectors' output and metrics.

use std::{collections::BTreeMap, fs, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testbed::{Collector, PlannedCollector};

use crate::spans::{self, Span};
use testbed::clock::{eventually, unix_seconds};
use testbed::{
    http_client::{agent, get},
    prometheus_text,
};

/// A span to send.
#[derive(Clone, Debug)]
pub(super) struct NewSpan {
    trace: u32,
    number: u32,
    duration: Duration,
    is_error: bool,
    name: String,
    attributes: Vec<(String, Value)>,
    message: String,
}

/// Returns a span of a trace. Number 1 is the root and the parent of all others.
pub(super) fn span(trace: u32, number: u32) -> NewSpan {
    NewSpan {
        trace,
        number,
        duration: Duration::from_millis(5),
        is_error: false,
        name: "GET /things".to_owned(),
        attributes: Vec::new(),
        message: String::new(),
    }
}

/// Returns the exported id of a trace, with digits as in random ids.
pub(super) fn trace_id(trace: u32) -> String {
    let mixed = u128::from(trace).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("{:032x}", mixed | 1)
}

// === impl NewSpan ===

impl NewSpan {
    pub(super) fn with_duration(self, duration: Duration) -> Self {
        Self { duration, ..self }
    }

    pub(super) fn failed(self, message: &str) -> Self {
        Self { is_error: true, message: message.to_owned(), ..self }
    }

    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    fn export(&self) -> Value {
        let id = |number: u32| format!("{:08x}{number:08x}", self.trace);
        let end = unix_seconds();
        let nanos = |seconds: f64| format!("{:.0}", seconds * 1e9);
        json!({
            "traceId": trace_id(self.trace),
            "spanId": id(self.number),
            "parentSpanId": if self.number == 1 { String::new() } else { id(1) },
            "name": self.name,
            "kind": if self.number == 1 { spans::SERVER } else { spans::INTERNAL },
            "startTimeUnixNano": nanos(end - self.duration.as_secs_f64()),
            "endTimeUnixNano": nanos(end),
            "attributes": attributes(&self.attributes),
            "status": if self.is_error {
                json!({"code": spans::ERROR, "message": self.message})
            } else {
                json!({})
            },
        })
    }
}

fn attributes(attributes: &[(String, Value)]) -> Value {
    let typed = |value: &Value| match value {
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(value) => json!({"intValue": value.to_string()}),
        other => json!({"stringValue": other}),
    };
    attributes.iter().map(|(key, it)| json!({"key": key, "value": typed(it)})).collect()
}

fn resource() -> Value {
    let service = [("service.name", "by-hand"), ("service.instance.id", "one")];
    let service = service.map(|(key, value)| (key.to_owned(), value.into()));
    json!({"attributes": attributes(&service)})
}

/// Sends spans in one export and returns the status of the response.
pub(super) fn send_spans(to: SocketAddr, spans: &[NewSpan]) -> u16 {
    send_spans_with(to, spans, &[])
}

/// Like [`send_spans`], with headers.
pub(super) fn send_spans_with(to: SocketAddr, spans: &[NewSpan], headers: &[(&str, &str)]) -> u16 {
    let spans: Vec<_> = spans.iter().map(NewSpan::export).collect();
    let body = json!({
        "resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": {}, "spans": spans}]}]
    });
    post(to, "traces", &body, headers)
}

/// A counter's name, its attributes and its value.
pub(super) type Count<'a> = (&'a str, &'a [(String, Value)], u64);

/// Sends counters with a timestamp in seconds since 1970; returns the status of the response.
pub(super) fn send_counts(to: SocketAddr, counts: &[Count<'_>], at: f64) -> u16 {
    let at = format!("{:.0}", at * 1e9);
    let metric = |(name, labels, value): &Count<'_>| {
        let point = json!({
            "asInt": value.to_string(),
            "timeUnixNano": at,
            "startTimeUnixNano": "1",
            "attributes": attributes(labels),
        });
        let sum = json!({"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point]});
        json!({"name": name, "sum": sum})
    };
    let metrics: Vec<_> = counts.iter().map(metric).collect();
    let body = json!({
        "resourceMetrics": [
            {"resource": resource(), "scopeMetrics": [{"scope": {}, "metrics": metrics}]}
        ]
    });
    post(to, "metrics", &body, &[])
}

fn post(to: SocketAddr, signal: &str, body: &Value, headers: &[(&str, &str)]) -> u16 {
    let mut request =
        agent().post(format!("http://{to}/v1/{signal}")).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send(body.to_string()).unwrap().status().as_u16()
}

/// Returns the spans in a collector's file.
pub(super) fn written(collector: &Collector<'_>) -> Vec<Span> {
    spans::read(&text_of(collector))
}

/// Returns a collector's file: one export per line.
pub(super) fn text_of(collector: &Collector<'_>) -> String {
    // The file may be missing before the first export, and its last line incomplete.
    let mut text = fs::read_to_string(&collector.addresses().traces_file).unwrap_or_default();
    text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    text
}

/// Waits for this total number of spans; returns each collector's spans by trace.
#[track_caller]
pub(super) fn wait_for_spans(
    collectors: &[&Collector<'_>],
    expected: usize,
) -> Vec<BTreeMap<String, Vec<Span>>> {
    eventually(|| {
        let written: Vec<_> = collectors.iter().map(|it| written(it)).collect();
        let count: usize = written.iter().map(Vec::len).sum();
        if count < expected {
            return Err(format!("{count} spans instead of {expected}"));
        }
        Ok(written.into_iter().map(by_trace).collect())
    })
}

fn by_trace(spans: Vec<Span>) -> BTreeMap<String, Vec<Span>> {
    let mut traces: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    traces
}

/// Returns the sum of all series of one of the collector's own metrics; 0 if there are none.
pub(super) fn own_metric(collector: &Collector<'_>, name: &str) -> f64 {
    let url = format!("http://{}/metrics", collector.addresses().metrics);
    let page = get(&url).unwrap();
    let samples = prometheus_text::parse(&page).unwrap();
    samples.iter().filter(|it| it.name == name).map(|it| it.value).sum()
}

/// Returns the value of `STAGELIGHT_GATEWAYS` for these gateways.
pub(super) fn list_of(gateways: &[&PlannedCollector<'_>]) -> String {
    let receivers: Vec<_> =
        gateways.iter().map(|it| it.addresses().traces_by_id.to_string()).collect();
    format!("[{}]", receivers.join(", "))
}
