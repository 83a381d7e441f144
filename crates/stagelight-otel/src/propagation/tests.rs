use std::collections::HashMap;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::prelude::*;

use super::*;

const BOTH: [Propagation; 2] = [Propagation::TraceContext, Propagation::Baggage];
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Returns the headers injected for a span whose context was extracted from `headers`.
fn propagated(formats: &[Propagation], headers: &[(&str, &str)]) -> HashMap<String, String> {
    let headers: HashMap<_, _> = headers.iter().copied().collect();
    let tracer = SdkTracerProvider::default().tracer("test");
    let subscriber =
        tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    tracing::subscriber::with_default(subscriber, || {
        let propagator = ContextPropagator::new(formats);
        let span = tracing::info_span!("request");
        propagator.adopt(&span, &|name| headers.get(name).map(ToString::to_string));
        let mut sent = HashMap::new();
        propagator.inject(&span, &mut |name, value| {
            sent.insert(name.to_owned(), value);
        });
        sent
    })
}

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-{flags}")
}

#[test]
fn a_trace_is_continued() {
    let sent = propagated(
        &BOTH,
        &[
            ("traceparent", &traceparent(TRACE, "01")),
            ("tracestate", "vendor=1"),
            ("baggage", "user=7"),
        ],
    );
    let parent = &sent["traceparent"];
    assert!(parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-01"), "{parent}");
    assert!(!parent.contains("b7ad6b7169203331"), "{parent} is the caller's span");
    assert_eq!((&*sent["tracestate"], &*sent["baggage"]), ("vendor=1", "user=7"));
}

#[test]
fn an_unsampled_flag_is_propagated() {
    let sent = propagated(&BOTH, &[("traceparent", &traceparent(TRACE, "00"))]);
    assert!(sent["traceparent"].ends_with("-00"), "{sent:?}");
}

#[test]
fn a_malformed_header_starts_a_new_trace() {
    let zeros = "0".repeat(32);
    for bad in ["", "garbage", &traceparent(&zeros, "01"), &traceparent("0af7", "01")] {
        let sent = propagated(&BOTH, &[("traceparent", bad)]);
        let parent = &sent["traceparent"];
        assert_eq!(parent.len(), traceparent(TRACE, "01").len(), "{bad:?} made {parent}");
        assert!(!parent.contains(&zeros), "{bad:?} made {parent}");
    }
}

#[test]
fn without_a_format_nothing_is_propagated() {
    assert!(propagated(&[], &[("traceparent", &traceparent(TRACE, "01"))]).is_empty());
    let sent = propagated(&[Propagation::Baggage], &[("baggage", "a=b"), ("traceparent", "x")]);
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["baggage"]);
}

#[test]
fn baggage_invalid_in_a_header_is_not_propagated() {
    for baggage in ["user=ada;x=%0d%0aevil: 1", "user=ada;x=%C3%A9", "user=ada;%00"] {
        let sent = propagated(&BOTH, &[("baggage", baggage)]);
        assert_eq!(sent.get("baggage"), None, "{baggage}");
    }
}

#[test]
fn a_disabled_span_is_ignored() {
    let propagator = ContextPropagator::new(&BOTH);
    let span = tracing::Span::none();
    propagator.adopt(&span, &|_| Some(traceparent(TRACE, "01")));
    propagator.inject(&span, &mut |name, value| panic!("{name}: {value}"));
}

#[test]
fn there_is_a_current_trace_id_only_inside_a_span() {
    let tracer = SdkTracerProvider::default().tracer("test");
    let subscriber =
        tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(current_trace_id(), None);
        let span = tracing::info_span!("request");
        let propagator = ContextPropagator::new(&BOTH);
        propagator.adopt(&span, &|name| (name == "traceparent").then(|| traceparent(TRACE, "01")));
        span.in_scope(|| assert_eq!(current_trace_id().as_deref(), Some(TRACE)));
        assert_eq!(current_trace_id(), None);
    });
}
