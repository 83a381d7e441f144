//! Reads the spans from the collector's files.

use std::time::Duration;
use testbed::clock::eventually;

use serde_json::Value;
use testbed::Stack;

/// A span of a trace, as exported.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) duration: Duration,
    pub(crate) status: u64,
    attributes: Vec<Value>,
    pub(crate) resource: Vec<Value>,
}

/// `SPAN_KIND_SERVER` in OTLP.
pub(crate) const SERVER: u64 = 2;
/// `SPAN_KIND_CLIENT` in OTLP.
pub(crate) const CLIENT: u64 = 3;
/// `SPAN_KIND_INTERNAL` in OTLP.
pub(crate) const INTERNAL: u64 = 1;
/// `STATUS_CODE_ERROR` in OTLP.
pub(crate) const ERROR: u64 = 2;

/// Waits until the collector has a matching request span, and returns the spans of its trace.
///
/// The trace is complete then: the request span ends last, and spans are exported as they end.
#[track_caller]
pub(crate) fn wait_for_trace(stack: &Stack, is_it: impl Fn(&Span) -> bool) -> Vec<Span> {
    eventually(|| {
        let spans = all(stack);
        let request = spans.iter().find(|it| it.kind == SERVER && is_it(it));
        match request {
            Some(request) => {
                let of_it = |it: &&Span| it.trace_id == request.trace_id;
                Ok(spans.iter().filter(of_it).cloned().collect())
            }
            None => Err(format!("{spans:#?}")),
        }
    })
}

/// Returns all spans.
pub(crate) fn all(stack: &Stack) -> Vec<Span> {
    read(&stack.traces().unwrap())
}

/// Returns the spans of exports, one export per line.
pub(crate) fn read(text: &str) -> Vec<Span> {
    // The last line may be incomplete.
    let lines = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
    let exports: Vec<Value> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
    let mut spans = Vec::new();
    for resource in exports.iter().flat_map(|it| list(&it["resourceSpans"])) {
        for span in list(&resource["scopeSpans"]).iter().flat_map(|it| list(&it["spans"])) {
            spans.push(Span::read(span, &resource["resource"]));
        }
    }
    spans
}

/// Returns the request span of a trace.
#[track_caller]
pub(crate) fn of_request(trace: &[Span]) -> &Span {
    the_only(trace, |it| it.kind == SERVER)
}

/// Returns the span of a stage in a trace.
#[track_caller]
pub(crate) fn of_stage<'a>(trace: &'a [Span], stage: &str) -> &'a Span {
    the_only(trace, |it| it.attribute("stage") == stage)
}

#[track_caller]
fn the_only(trace: &[Span], is_it: impl Fn(&Span) -> bool) -> &Span {
    let found: Vec<_> = trace.iter().filter(|it| is_it(it)).collect();
    assert_eq!(found.len(), 1, "{trace:#?}");
    found[0]
}

// === impl Span ===

impl Span {
    fn read(span: &Value, resource: &Value) -> Self {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let nanos = |name: &str| text(name).parse::<u64>().unwrap();
        Self {
            trace_id: text("traceId"),
            span_id: text("spanId"),
            parent_span_id: text("parentSpanId"),
            name: text("name"),
            kind: span["kind"].as_u64().unwrap_or_default(),
            duration: Duration::from_nanos(nanos("endTimeUnixNano") - nanos("startTimeUnixNano")),
            status: span["status"]["code"].as_u64().unwrap_or_default(),
            attributes: list(&span["attributes"]).to_vec(),
            resource: list(&resource["attributes"]).to_vec(),
        }
    }

    /// Returns an attribute's value as text, empty if the span does not have the attribute.
    pub(crate) fn attribute(&self, name: &str) -> String {
        value_of(&self.attributes, name)
    }
}

/// Returns a value, as text, of an OTLP list of attributes.
pub(crate) fn value_of(attributes: &[Value], name: &str) -> String {
    let Some(found) = attributes.iter().find(|it| it["key"] == name) else { return String::new() };
    let value = found["value"].as_object().unwrap().values().next().unwrap();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
