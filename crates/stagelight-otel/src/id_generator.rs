//! Gives a request's root span the trace id that its sampling decision was made for.
//!
//! The SDK generates a root span's trace id when the span starts, and consults the sampler then.
//! The sampling policy has consulted it before. A sampler that decides by trace id must get the
//! same id both times, or the decisions differ.

use std::{borrow::Cow, cell::Cell};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId, Value,
    trace::{SpanBuilder, Tracer},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer};

/// Carries the trace id in a span's builder; removed before the span starts.
const TRACE_ID_ATTRIBUTE: &str = "stagelight.preset_trace_id";

thread_local! {
    /// The trace id for the next span builder of this thread.
    static NEXT_BUILDER: Cell<Option<TraceId>> = const { Cell::new(None) };
    /// The trace id of the request span being started on this thread.
    static STARTING: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Runs `build`, in which a layer creates one span builder. If its span becomes a root, it gets
/// this trace id.
pub(crate) fn with_trace_id(trace: TraceId, build: impl FnOnce()) {
    NEXT_BUILDER.set(Some(trace));
    build();
    NEXT_BUILDER.set(None);
}

/// Returns whether a sampled request's span is being started on this thread.
pub(crate) fn is_starting_request() -> bool {
    STARTING.get().is_some()
}

/// The SDK's tracer; its root spans get the trace id of their request's sampling decision.
#[derive(Clone, Debug)]
pub struct RequestTracer(pub(crate) SdkTracer);

/// Generates random ids, except for root spans with a preset trace id.
#[derive(Debug, Default)]
pub(crate) struct PresetIdGenerator(RandomIdGenerator);

// === impl RequestTracer ===

impl Tracer for RequestTracer {
    type Span = <SdkTracer as Tracer>::Span;

    fn span_builder<T>(&self, name: T) -> SpanBuilder
    where
        T: Into<Cow<'static, str>>,
    {
        let builder = self.0.span_builder(name);
        match NEXT_BUILDER.take() {
            Some(trace) => {
                builder.with_attributes([KeyValue::new(TRACE_ID_ATTRIBUTE, trace.to_string())])
            }
            None => builder,
        }
    }

    fn build_with_context(&self, mut builder: SpanBuilder, parent: &Context) -> Self::Span {
        STARTING.set(take_trace_id(&mut builder));
        let span = self.0.build_with_context(builder, parent);
        STARTING.set(None);
        span
    }
}

fn take_trace_id(builder: &mut SpanBuilder) -> Option<TraceId> {
    let attributes = builder.attributes.as_mut()?;
    // `span_builder` adds it before all others.
    if attributes.first().is_none_or(|it| it.key.as_str() != TRACE_ID_ATTRIBUTE) {
        return None;
    }
    match attributes.remove(0).value {
        Value::String(trace) => TraceId::from_hex(trace.as_str()).ok(),
        _ => None,
    }
}

// === impl PresetIdGenerator ===

impl IdGenerator for PresetIdGenerator {
    fn new_trace_id(&self) -> TraceId {
        STARTING.get().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
