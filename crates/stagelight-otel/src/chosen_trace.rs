//! Brings the trace id that a request was decided by to the span that is made of it.
//!
//! The SDK makes up a root span's trace id when the span starts, and asks the sampler then. The policy has asked by then,
//! and a sampler that goes by the id must be given the same one again, or it decides otherwise.

use std::{borrow::Cow, cell::Cell};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId, Value,
    trace::{SpanBuilder, Tracer},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer};

/// Holds the id while it is in a span's builder; taken out again before the span starts.
const ATTRIBUTE: &str = "stagelight.chosen_trace";

thread_local! {
    /// For the span that is being described on this thread.
    static TO_DESCRIBE: Cell<Option<TraceId>> = const { Cell::new(None) };
    /// For the span that is being started on this thread.
    static TO_START: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Runs `describe`, in which a layer describes one span: should it become a root, it is to be of this trace.
pub(crate) fn with_trace(trace: TraceId, describe: impl FnOnce()) {
    TO_DESCRIBE.set(Some(trace));
    describe();
    TO_DESCRIBE.set(None);
}

/// Returns whether a request's span is being started on this thread: one that was decided to be recorded.
pub(crate) fn is_being_started() -> bool {
    TO_START.get().is_some()
}

/// The SDK's tracer, whose root spans are of the trace that was chosen for them.
#[derive(Clone, Debug)]
pub struct RequestTracer(pub(crate) SdkTracer);

/// Random ids, but for a trace that was chosen.
#[derive(Debug, Default)]
pub(crate) struct ChosenIds(RandomIdGenerator);

// === impl RequestTracer ===

impl Tracer for RequestTracer {
    type Span = <SdkTracer as Tracer>::Span;

    fn span_builder<T>(&self, name: T) -> SpanBuilder
    where
        T: Into<Cow<'static, str>>,
    {
        let builder = self.0.span_builder(name);
        match TO_DESCRIBE.take() {
            Some(trace) => builder.with_attributes([KeyValue::new(ATTRIBUTE, trace.to_string())]),
            None => builder,
        }
    }

    fn build_with_context(&self, mut builder: SpanBuilder, parent: &Context) -> Self::Span {
        TO_START.set(take_chosen(&mut builder));
        let span = self.0.build_with_context(builder, parent);
        TO_START.set(None);
        span
    }
}

fn take_chosen(builder: &mut SpanBuilder) -> Option<TraceId> {
    let attributes = builder.attributes.as_mut()?;
    // It was there before all others.
    if attributes.first().is_none_or(|it| it.key.as_str() != ATTRIBUTE) {
        return None;
    }
    match attributes.remove(0).value {
        Value::String(trace) => TraceId::from_hex(trace.as_str()).ok(),
        _ => None,
    }
}

// === impl ChosenIds ===

impl IdGenerator for ChosenIds {
    fn new_trace_id(&self) -> TraceId {
        TO_START.get().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
