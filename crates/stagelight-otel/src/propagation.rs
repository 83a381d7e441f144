//! Implements core's [`Propagator`] with OpenTelemetry's propagators.

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use stagelight_core::{Propagator, RemoteContext, layer_api};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    config::{ForcingHeader, Propagation},
    request_sampler::ForceSampling,
    sampling_policy,
};

/// Extracts and injects trace context and baggage.
#[derive(Debug)]
pub(crate) struct ContextPropagator {
    propagator: TextMapCompositePropagator,
    /// Names of the headers it reads, in lower case.
    fields: Vec<String>,
    forcing: Option<ForcingHeader>,
}

/// The propagation headers of one request.
struct RequestHeaders(Vec<(String, String)>);

/// Adapts a closure to OpenTelemetry's [`Injector`].
struct HeaderSetter<'a>(&'a mut dyn FnMut(&str, String));

/// Returns the trace id of the current span as 32 hexadecimal digits, for log lines.
///
/// The trace may be unsampled. Returns `None` outside of a span, and if traces are neither exported
/// nor propagated.
///
/// # Cost
///
/// A few look-ups and the allocation of the text.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    if let Some(trace) = layer_api::current_unsampled_trace() {
        return Some(format!("{:032x}", trace.trace_id));
    }
    Context::map_current(|context| {
        let span = context.span();
        let trace = span.span_context();
        trace.is_valid().then(|| trace.trace_id().to_string())
    })
}

/// Returns the OpenTelemetry context of a span, to propagate it by your own means.
///
/// Also works in unsampled requests. There, OpenTelemetry's current context and
/// `OpenTelemetrySpanExt::context` are empty, because no OpenTelemetry span is created.
#[must_use]
pub fn context_of(span: &tracing::Span) -> Context {
    layer_api::unsampled_trace(span)
        .map_or_else(|| span.context(), |trace| sampling_policy::unsampled_context(&trace))
}

/// Creates OpenTelemetry's propagator for these formats; it does nothing if there are none.
pub(crate) fn composite(formats: &[Propagation]) -> TextMapCompositePropagator {
    let boxed = formats.iter().map(|format| match format {
        Propagation::TraceContext => Box::new(TraceContextPropagator::new()) as Box<_>,
        Propagation::Baggage => Box::new(BaggagePropagator::new()) as Box<_>,
    });
    TextMapCompositePropagator::new(boxed.collect())
}

// === impl ContextPropagator ===

impl ContextPropagator {
    pub(crate) fn new(formats: &[Propagation]) -> Self {
        let propagator = composite(formats);
        let fields = propagator.fields().map(str::to_lowercase).collect();
        Self { propagator, fields, forcing: None }
    }

    /// Sets the header that forces sampling.
    pub(crate) fn with_forcing(self, forcing: Option<ForcingHeader>) -> Self {
        Self { forcing, ..self }
    }

    /// Returns the context in the headers, marked with [`ForceSampling`] if they contain the
    /// forcing header. Returns `None` if they contain neither, or only malformed values.
    fn extract_context(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<Context> {
        let present = self.fields.iter().filter_map(|name| Some((name.clone(), get(name)?)));
        let headers = RequestHeaders(present.collect());
        let is_forced = self.forcing.as_ref().is_some_and(|it| it.is_in(get));
        if headers.0.is_empty() && !is_forced {
            return None;
        }
        let context = self.propagator.extract_with_context(&Context::new(), &headers);
        if is_forced {
            return Some(context.with_value(ForceSampling));
        }
        (context.has_active_span() || !context.baggage().is_empty()).then_some(context)
    }
}

impl Propagator for ContextPropagator {
    fn extract(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<RemoteContext> {
        self.extract_context(get).map(RemoteContext::new)
    }

    fn adopt(&self, span: &tracing::Span, get: &dyn Fn(&str) -> Option<String>) {
        if span.is_disabled() {
            return;
        }
        if let Some(context) = self.extract_context(get) {
            // Fails if no layer creates traces or the span has already started; neither justifies
            // failing a request.
            drop(span.set_parent(context));
        }
    }

    fn inject(&self, span: &tracing::Span, set: &mut dyn FnMut(&str, String)) {
        self.propagator.inject_context(&context_of(span), &mut HeaderSetter(set));
    }
}

// === impl RequestHeaders ===

impl Extractor for RequestHeaders {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

// === impl HeaderSetter ===

impl Injector for HeaderSetter<'_> {
    /// Omits values that are invalid in a header. OpenTelemetry decodes the properties of a baggage
    /// member and does not encode them again, so a caller could inject a line break.
    fn set(&mut self, key: &str, value: String) {
        if value.bytes().all(|it| matches!(it, b'\t' | b' '..=b'~')) {
            (self.0)(&key.to_lowercase(), value);
        }
    }
}

#[cfg(test)]
mod tests;
