//! Trace context across process borders, for core's [`Propagator`].

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use stagelight_core::Propagator;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::config::Propagation;

/// Carries trace context by OpenTelemetry's propagators.
#[derive(Debug)]
pub(crate) struct ContextPropagator {
    propagator: TextMapCompositePropagator,
    /// The headers that it reads, in lower case.
    fields: Vec<String>,
}

/// The headers of one request.
struct Headers(Vec<(String, String)>);

/// Where to write headers.
struct Target<'a>(&'a mut dyn FnMut(&str, String));

/// Returns the id of the trace that the current span belongs to, as 32 hexadecimal digits, to be put into log lines.
///
/// Nothing outside a span, and where no trace is made. The trace need not be sampled.
///
/// # Cost
///
/// A thread-local look-up, and the allocation of the text.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let trace = span.span_context();
        trace.is_valid().then(|| trace.trace_id().to_string())
    })
}

/// Makes OpenTelemetry's propagator for these ways; with none, one that does nothing.
pub(crate) fn composite(ways: &[Propagation]) -> TextMapCompositePropagator {
    let boxed = ways.iter().map(|way| match way {
        Propagation::TraceContext => Box::new(TraceContextPropagator::new()) as Box<_>,
        Propagation::Baggage => Box::new(BaggagePropagator::new()) as Box<_>,
    });
    TextMapCompositePropagator::new(boxed.collect())
}

// === impl ContextPropagator ===

impl ContextPropagator {
    pub(crate) fn new(ways: &[Propagation]) -> Self {
        let propagator = composite(ways);
        let fields = propagator.fields().map(str::to_lowercase).collect();
        Self { propagator, fields }
    }
}

impl Propagator for ContextPropagator {
    fn adopt(&self, span: &tracing::Span, get: &dyn Fn(&str) -> Option<String>) {
        let present = self.fields.iter().filter_map(|name| Some((name.clone(), get(name)?)));
        let headers = Headers(present.collect());
        if headers.0.is_empty() || span.is_disabled() {
            return;
        }
        let context = self.propagator.extract_with_context(&Context::new(), &headers);
        if !context.has_active_span() && context.baggage().is_empty() {
            return;
        }
        // Refused if no layer makes traces, and if the span has begun already; neither is worth failing a request for.
        drop(span.set_parent(context));
    }

    fn inject(&self, span: &tracing::Span, set: &mut dyn FnMut(&str, String)) {
        self.propagator.inject_context(&span.context(), &mut Target(set));
    }
}

// === impl Headers ===

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

// === impl Target ===

impl Injector for Target<'_> {
    fn set(&mut self, key: &str, value: String) {
        (self.0)(&key.to_lowercase(), value);
    }
}

#[cfg(test)]
mod tests;
