//! Spans on other threads, with other parents, within other requests, and in none.

use std::thread;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use stagelight::otel::{Sampler, current_trace_id};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::support::{Bench, TRACE, find, hex, stages, traceparent};

/// The samplers, and whether they record a request without a caller.
const SAMPLERS: [(Sampler, bool); 2] =
    [(Sampler::ParentBasedAlwaysOn, true), (Sampler::ParentBasedAlwaysOff, false)];

#[test]
fn spans_on_another_thread_follow_their_request() {
    for (sampler, is_sampled) in SAMPLERS {
        let bench = Bench::new(sampler);
        bench.serve(&[], |span| {
            let id = current_trace_id();
            thread::scope(|scope| {
                scope.spawn(|| {
                    bench.run(|| {
                        span.in_scope(|| {
                            info_span!("away", stage = "request_parsing").in_scope(|| {
                                info_span!("below").in_scope(|| assert_eq!(current_trace_id(), id));
                            });
                        });
                    });
                });
            });
        });
        let spans = bench.finish();
        let names: Vec<_> = spans.iter().map(|it| &*it.name).collect();
        assert_eq!(names, if is_sampled { vec!["below", "away", "request"] } else { vec![] });
        if is_sampled {
            assert_eq!(find(&spans, "below").parent_span_id, find(&spans, "away").span_id);
            assert_eq!(find(&spans, "away").parent_span_id, find(&spans, "request").span_id);
        }
    }
}

#[test]
fn an_explicit_parent_decides_not_the_thread() {
    for (sampler, is_sampled) in SAMPLERS {
        let bench = Bench::new(sampler);
        let outer: Span = bench.serve(&[], |request| {
            thread::scope(|scope| {
                let spawned = scope.spawn(|| {
                    bench.run(|| {
                        let stage = info_span!(parent: request, "away", stage = "request_parsing");
                        stage.in_scope(|| info_span!("below").in_scope(|| {}));
                    });
                });
                spawned.join().unwrap();
            });
            request.clone()
        });
        // Another request goes on meanwhile, whose caller decided the other way round.
        let flags = if is_sampled { "00" } else { "01" };
        bench.serve(&[("traceparent", &traceparent(flags))], |_| {
            info_span!(parent: &outer, "late").in_scope(|| {});
            info_span!("here").in_scope(|| {});
        });
        drop(outer);
        let spans = bench.finish();
        let mut names: Vec<_> = spans.iter().map(|it| &*it.name).collect();
        names.sort_unstable();
        let expected: &[_] =
            if is_sampled { &["away", "below", "late", "request"] } else { &["here", "request"] };
        assert_eq!(names, expected);
    }
}

#[test]
fn spans_outside_requests_are_opentelemetrys_own() {
    for (sampler, is_sampled) in SAMPLERS {
        let bench = Bench::new(sampler);
        bench.run(|| {
            let outside = info_span!("outside");
            outside.in_scope(|| info_span!("inner").in_scope(|| {}));
        });
        bench.serve(&[], |_| info_span!(parent: None, "detached").in_scope(|| {}));
        let mut names: Vec<_> = bench.finish().into_iter().map(|it| it.name).collect();
        names.sort_unstable();
        let expected = ["detached", "inner", "outside", "request"];
        assert_eq!(names, if is_sampled { &expected[..] } else { &[] });
    }
}

#[test]
fn a_request_below_a_span_outside_is_of_its_trace() {
    let bench = Bench::new(Sampler::AlwaysOn);
    bench.run(|| info_span!("outside").in_scope(|| bench.serve(&[], |_| stages())));
    let spans = bench.finish();
    assert_eq!(spans.len(), 6);
    assert_eq!(find(&spans, "request").parent_span_id, find(&spans, "outside").span_id);
    assert!(spans.iter().all(|it| it.trace_id == spans[0].trace_id));
}

#[test]
fn a_request_within_one_that_is_not_traced_is_of_its_trace() {
    let bench = Bench::new(Sampler::ParentBasedAlwaysOn);
    bench.serve(&[("traceparent", &traceparent("00"))], |_| {
        bench.serve(&[], |_| assert_eq!(current_trace_id().as_deref(), Some(TRACE)));
        // One with a caller of its own is of that caller's.
        let other = traceparent("01").replace("0af7", "ffff");
        bench.serve(&[("traceparent", &other)], |_| stages());
    });
    let spans = bench.finish();
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|it| hex(&it.trace_id).starts_with("ffff")));
}

#[test]
fn a_root_request_is_decided_about_once() {
    let bench = Bench::new(Sampler::Ratio(0.5));
    let mut promised = 0;
    bench.run(|| {
        for _ in 0..200 {
            let span = info_span!(parent: None, "request", stagelight.endpoint = "job");
            promised += usize::from(bench.sent_from(&span)["traceparent"].ends_with("-01"));
        }
    });
    let roots = bench.finish().len();
    assert_eq!(roots, promised);
    // Seven standard deviations to each side: asked twice, by two ids, it would be a quarter.
    assert!((51..150).contains(&roots), "{roots} of 200");
}

#[test]
fn a_sampled_requests_spans_are_opentelemetrys_for_its_api() {
    let bench = Bench::new(Sampler::AlwaysOn);
    bench.serve(&[], |request| {
        let stage = info_span!("stage", stage = "request_parsing", late = tracing::field::Empty);
        stage.in_scope(|| {});
        stage.record("late", "recorded");
        stage.set_attribute("set", "by the extension");
        stage.follows_from(request);
        let ids = |span: &Span| {
            use stagelight::opentelemetry::trace::TraceContextExt as _;
            let context = span.context();
            let ids = context.span().span_context().clone();
            assert!(ids.is_valid() && ids.is_sampled());
            ids.trace_id().to_string()
        };
        assert_eq!(Some(ids(&stage)), current_trace_id());
        assert_eq!(ids(&stage), ids(request));
    });
    let spans = bench.finish();
    let stage = find(&spans, "stage");
    let text = |name: &str| {
        let found = stage.attributes.iter().find(|it| it.key == name).unwrap();
        match found.value.clone().unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((text("late"), text("set")), ("recorded".into(), "by the extension".into()));
    assert_eq!(stage.links.len(), 1);
    assert!(spans.iter().flat_map(|it| &it.attributes).all(|it| !it.key.contains("chosen")));
}
