//! Trace context across process borders, for core's [`Propagator`].

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
    request_sampler::Forced,
    sampling_policy,
};

/// Carries trace context by OpenTelemetry's propagators.
#[derive(Debug)]
pub(crate) struct ContextPropagator {
    propagator: TextMapCompositePropagator,
    /// The headers that it reads, in lower case.
    fields: Vec<String>,
    forcing: Option<ForcingHeader>,
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
/// Some look-ups, and the allocation of the text.
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

/// Returns the OpenTelemetry context of a span, to be passed on by means of your own, whether its request is sampled or not.
///
/// What the OpenTelemetry API takes for current, and what `OpenTelemetrySpanExt::context` returns, is empty in a request that is not
/// sampled: no OpenTelemetry span is made there.
#[must_use]
pub fn context_of(span: &tracing::Span) -> Context {
    layer_api::unsampled_trace(span)
        .map_or_else(|| span.context(), |trace| sampling_policy::unsampled_context(&trace))
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
        Self { propagator, fields, forcing: None }
    }

    /// Sets the header with which a request is traced in any case.
    pub(crate) fn with_forcing(self, forcing: Option<ForcingHeader>) -> Self {
        Self { forcing, ..self }
    }

    /// Returns the context that the headers name, and whether they force the request to be traced; `None` if they do neither, or badly.
    fn read(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<Context> {
        let present = self.fields.iter().filter_map(|name| Some((name.clone(), get(name)?)));
        let headers = Headers(present.collect());
        let is_forced = self.forcing.as_ref().is_some_and(|it| it.is_in(get));
        if headers.0.is_empty() && !is_forced {
            return None;
        }
        let context = self.propagator.extract_with_context(&Context::new(), &headers);
        if is_forced {
            return Some(context.with_value(Forced));
        }
        (context.has_active_span() || !context.baggage().is_empty()).then_some(context)
    }
}

impl Propagator for ContextPropagator {
    fn extract(&self, get: &dyn Fn(&str) -> Option<String>) -> Option<RemoteContext> {
        self.read(get).map(RemoteContext::new)
    }

    fn adopt(&self, span: &tracing::Span, get: &dyn Fn(&str) -> Option<String>) {
        if span.is_disabled() {
            return;
        }
        if let Some(context) = self.read(get) {
            // Refused if no layer makes traces, and if the span has begun already; neither is worth failing a request for.
            drop(span.set_parent(context));
        }
    }

    fn inject(&self, span: &tracing::Span, set: &mut dyn FnMut(&str, String)) {
        self.propagator.inject_context(&context_of(span), &mut Target(set));
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
    /// Leaves out what no header may hold: of baggage a member's properties are decoded, and not encoded again, so that a caller could have a line break
    /// sent on.
    fn set(&mut self, key: &str, value: String) {
        if value.bytes().all(|it| matches!(it, b'\t' | b' '..=b'~')) {
            (self.0)(&key.to_lowercase(), value);
        }
    }
}

#[cfg(test)]
mod tests;
