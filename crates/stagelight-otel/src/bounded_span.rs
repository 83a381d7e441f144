//! Bounds the memory of a finished span.
//!
//! The SDK limits the number of attributes, events and links, but no lengths.

use std::{borrow::Cow, mem::size_of};

use opentelemetry::{
    Array, KeyValue, StringValue, Value,
    trace::{Event, Link, Status},
};
use opentelemetry_sdk::trace::SpanData;

/// Memory of an array's element, rounded up to its maximum encoded size.
const ELEMENT_BYTES: usize = 16;

/// Truncates the strings of a span to this many characters, and returns its memory in bytes.
///
/// The result is at least the encoded size.
pub(crate) fn bound(span: &mut SpanData, max_chars: usize) -> usize {
    let mut bytes = size_of::<SpanData>() + text(&mut span.name, max_chars);
    if let Status::Error { description } = &mut span.status {
        bytes += text(description, max_chars);
    }
    bytes += span.span_context.trace_state().header().len();
    bytes += attributes(&mut span.attributes, max_chars);
    for event in &mut span.events.events {
        bytes += size_of::<Event>() + text(&mut event.name, max_chars);
        bytes += attributes(&mut event.attributes, max_chars);
    }
    for link in &mut span.links.links {
        bytes += size_of::<Link>() + link.span_context.trace_state().header().len();
        bytes += attributes(&mut link.attributes, max_chars);
    }
    bytes
}

fn attributes(attributes: &mut [KeyValue], max_chars: usize) -> usize {
    let size = |it: &mut KeyValue| {
        size_of::<KeyValue>() + it.key.as_str().len() + value(&mut it.value, max_chars)
    };
    attributes.iter_mut().map(size).sum()
}

fn value(value: &mut Value, max_chars: usize) -> usize {
    match value {
        Value::String(it) => string(it, max_chars),
        Value::Array(Array::String(items)) => {
            items.iter_mut().map(|it| ELEMENT_BYTES + string(it, max_chars)).sum()
        }
        Value::Array(Array::Bool(items)) => items.len() * ELEMENT_BYTES,
        Value::Array(Array::I64(items)) => items.len() * ELEMENT_BYTES,
        Value::Array(Array::F64(items)) => items.len() * ELEMENT_BYTES,
        _ => 0,
    }
}

fn string(value: &mut StringValue, max_chars: usize) -> usize {
    if let Some(end) = end_of(value.as_str(), max_chars) {
        *value = value.as_str()[..end].to_owned().into();
    }
    value.as_str().len()
}

fn text(text: &mut Cow<'static, str>, max_chars: usize) -> usize {
    if let Some(end) = end_of(text, max_chars) {
        // A new string: a truncated one would keep its memory.
        *text = text[..end].to_owned().into();
    }
    text.len()
}

/// Returns the position after this many characters, if there are more.
fn end_of(text: &str, max_chars: usize) -> Option<usize> {
    if text.len() <= max_chars {
        return None;
    }
    text.char_indices().nth(max_chars).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::{
        InstrumentationScope, SpanId,
        trace::{SpanContext, SpanKind},
    };
    use opentelemetry_proto::tonic::trace::v1::Span;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use prost::Message as _;

    use super::*;

    fn span(attributes: &[KeyValue]) -> SpanData {
        let mut events = SpanEvents::default();
        let (time, name) = (SystemTime::UNIX_EPOCH, "ä".repeat(5000));
        events.events.push(Event::new(name.clone(), time, attributes.to_vec(), 0));
        let mut links = SpanLinks::default();
        links.links.push(Link::new(SpanContext::NONE, attributes.to_vec(), 0));
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.clone().into(),
            start_time: time,
            end_time: time,
            attributes: attributes.to_vec(),
            dropped_attributes_count: 0,
            events,
            links,
            status: Status::error(name),
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn all_strings_are_truncated_on_a_character_boundary() {
        let strings = vec![StringValue::from("ä".repeat(5000)), StringValue::from("short")];
        let attributes = [
            KeyValue::new("text", "ä".repeat(5000)),
            KeyValue::new("short", "ä".repeat(4096)),
            KeyValue::new("list", Value::Array(Array::String(strings))),
        ];
        let mut span = span(&attributes);
        bound(&mut span, 4096);

        let expected = "ä".repeat(4096);
        let Status::Error { description } = &span.status else { panic!("an error") };
        assert_eq!([&*span.name, &*span.events[0].name, &**description], [&*expected; 3]);
        for attributes in [&span.attributes, &span.events[0].attributes, &span.links[0].attributes]
        {
            assert_eq!(attributes[0].value.as_str(), expected);
            assert_eq!(attributes[1].value.as_str(), expected);
            let Value::Array(Array::String(list)) = &attributes[2].value else { panic!("a list") };
            assert_eq!([list[0].as_str(), list[1].as_str()], [&*expected, "short"]);
        }
    }

    #[test]
    fn the_size_is_at_least_the_encoded_size() {
        let values = [
            Value::from(true),
            Value::from(-1_i64),
            Value::from(0.5),
            Value::from("x"),
            Value::Array(Array::Bool(vec![true; 100])),
            Value::Array(Array::I64(vec![-1; 100])),
            Value::Array(Array::F64(vec![0.5; 100])),
            Value::Array(Array::String(vec!["".into(); 100])),
        ];
        for value in values {
            let mut span = span(&vec![KeyValue::new("k", value.clone()); 128]);
            let bytes = bound(&mut span, 4096);
            let encoded = Span::from(span).encoded_len();
            assert!((encoded..20 * encoded).contains(&bytes), "{bytes} {encoded} {value:?}");
        }
    }
}
