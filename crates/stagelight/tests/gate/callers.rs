//! The caller's decision, and what backends are told.

use stagelight::{
    opentelemetry::baggage::BaggageExt as _,
    otel::{Sampler, context_of, current_trace_id},
};

use crate::support::{Bench, CALLER_SPAN, TRACE, find, hex, stages, traceparent};

#[test]
fn a_trace_that_the_caller_records_is_continued() {
    for sampler in [Sampler::ParentBasedAlwaysOff, Sampler::ParentBasedAlwaysOn] {
        let bench = Bench::new(sampler);
        let sent = bench.serve(&[("traceparent", &traceparent("01"))], |span| {
            stages();
            assert_eq!(current_trace_id().as_deref(), Some(TRACE));
            bench.sent_from(span)
        });
        let spans = bench.finish();
        assert_eq!(spans.len(), 5);
        assert!(spans.iter().all(|it| hex(&it.trace_id) == TRACE));
        let request = find(&spans, "request");
        assert_eq!(hex(&request.parent_span_id), CALLER_SPAN);
        assert_eq!(find(&spans, "auth").parent_span_id, request.span_id);
        assert_eq!(find(&spans, "plain").parent_span_id, find(&spans, "auth").span_id);
        assert_eq!(sent["traceparent"], format!("00-{TRACE}-{}-01", hex(&request.span_id)));
    }
}

#[test]
fn a_trace_that_the_caller_does_not_record_is_passed_on_and_not_recorded() {
    let bench = Bench::new(Sampler::ParentBasedAlwaysOn);
    let headers =
        [("traceparent", &*traceparent("00")), ("tracestate", "vendor=1"), ("baggage", "user=7")];
    bench.serve(&headers, |span| {
        stages();
        assert_eq!(current_trace_id().as_deref(), Some(TRACE));
        let fetch = tracing::info_span!("fetch", stage = "backend_fetch");
        for span in [span, &fetch] {
            let sent = bench.sent_from(span);
            let parent = &sent["traceparent"];
            assert!(parent.starts_with(&format!("00-{TRACE}-")), "{parent}");
            assert!(parent.ends_with("-00") && !parent.contains(CALLER_SPAN), "{parent}");
            assert!(!parent.contains("0000000000000000"), "{parent}");
            assert_eq!((&*sent["tracestate"], &*sent["baggage"]), ("vendor=1", "user=7"));
        }
        assert_eq!(context_of(span).baggage().len(), 1);
    });
    assert_eq!(current_trace_id(), None);
    assert!(bench.finish().is_empty());
}

#[test]
fn a_sampler_that_does_not_ask_the_caller_is_not_overruled() {
    let bench = Bench::new(Sampler::AlwaysOn);
    bench.serve(&[("traceparent", &traceparent("00"))], |_| stages());
    let spans = bench.finish();
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|it| hex(&it.trace_id) == TRACE));
}

#[test]
fn without_a_caller_each_request_has_a_trace_of_its_own() {
    for sampler in [Sampler::AlwaysOff, Sampler::AlwaysOn] {
        let bench = Bench::new(sampler);
        let ids = || bench.serve(&[("traceparent", "garbage")], |_| current_trace_id().unwrap());
        let (first, second) = (ids(), ids());
        assert_ne!(first, second);
        assert_eq!((first.len(), second.len()), (32, 32));
    }
}

#[test]
fn layers_added_one_by_one_continue_the_callers_trace_too() {
    let bench = Bench::of_separate_layers(Sampler::ParentBasedAlwaysOff);
    bench.serve(&[("traceparent", &traceparent("01"))], |_| stages());
    bench.serve(&[("traceparent", &traceparent("00"))], |span| {
        stages();
        let sent = bench.sent_from(span);
        assert!(sent["traceparent"].starts_with(&format!("00-{TRACE}-")), "{sent:?}");
        assert!(sent["traceparent"].ends_with("-00"), "{sent:?}");
    });
    bench.check_measured(2);
    let spans = bench.finish();
    assert_eq!(spans.len(), 5);
    assert_eq!(hex(&find(&spans, "request").parent_span_id), CALLER_SPAN);
}
