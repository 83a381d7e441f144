//! What goes before the sampler: an endpoint's own ratio, and a header that forces a trace.

use stagelight::{
    Builder,
    otel::{Config, Environment, Protocol, Sampler},
};

use crate::support::{Bench, TRACE, hex, stages, traceparent};

const SAMPLERS: [Sampler; 4] = [
    Sampler::AlwaysOff,
    Sampler::Ratio(0.0),
    Sampler::ParentBasedAlwaysOff,
    Sampler::ParentBasedRatio(0.0),
];
const FORCED: (&str, &str) = ("x-trace-me", "open sesame");

fn with(change: impl FnOnce(Builder) -> Builder) -> Bench {
    Bench::with(Protocol::Grpc, &[], change)
}

fn forcing(sampler: Sampler) -> Bench {
    with(|it| it.sampler(sampler).forcing_header("X-Trace-Me", "open sesame"))
}

/// Returns the trace ids of the request spans that arrived, each of which brought all its spans.
#[track_caller]
fn whole_traces(bench: Bench) -> Vec<String> {
    let spans = bench.finish();
    let requests: Vec<_> = spans.iter().filter(|it| it.name == "request").collect();
    assert_eq!(spans.len(), 5 * requests.len(), "whole traces only");
    requests.iter().map(|it| hex(&it.trace_id)).collect()
}

#[test]
fn an_endpoint_with_a_ratio_is_traced_by_that_and_others_by_the_sampler() {
    for (sampler, others) in [(Sampler::AlwaysOn, 1), (Sampler::ParentBasedAlwaysOff, 0)] {
        for (ratio, expected) in [(0.0, 0), (1.0, 1), (-3.0, 0), (7.0, 1)] {
            let bench = with(|it| it.sampler(sampler).route_ratio("/chat", ratio));
            bench.serve(&[], |_| stages());
            bench.serve_at("/models", &[], |_| stages());
            bench.serve_at("/chat/", &[], |_| stages());
            let traces = whole_traces(bench).len();
            assert_eq!(traces, expected + 2 * others, "{sampler:?} {ratio}");
        }
    }
}

#[test]
fn an_endpoint_s_ratio_is_that_part_of_its_requests() {
    for sampler in SAMPLERS {
        let bench = with(|it| it.sampler(sampler).route_ratio("/chat", 0.25));
        for _ in 0..400 {
            bench.serve(&[], |_| stages());
        }
        bench.check_measured(400);
        let traces = whole_traces(bench).len();
        // Seven standard deviations to each side.
        assert!((40..160).contains(&traces), "{sampler:?}: {traces} of 400");
    }
}

#[test]
fn a_caller_s_decision_goes_before_an_endpoint_s_ratio_if_the_sampler_asks_it() {
    for (sampler, flags, ratio, expected) in [
        (Sampler::ParentBasedAlwaysOn, "01", 0.0, 1),
        (Sampler::ParentBasedAlwaysOff, "00", 1.0, 0),
        (Sampler::AlwaysOn, "01", 0.0, 0),
        (Sampler::AlwaysOff, "00", 1.0, 1),
    ] {
        let bench = with(|it| it.sampler(sampler).route_ratio("/chat", ratio));
        bench.serve(&[("traceparent", &traceparent(flags))], |_| stages());
        assert_eq!(whole_traces(bench).len(), expected, "{sampler:?} {flags} {ratio}");
    }
}

#[test]
fn a_request_with_the_forcing_header_is_traced_whatever_else_is_said() {
    for sampler in SAMPLERS {
        let bench = forcing(sampler);
        let sent = bench.serve(&[FORCED], |span| {
            stages();
            bench.sent_from(span)
        });
        assert!(sent["traceparent"].ends_with("-01"), "{sent:?}");
        assert!(!sent.contains_key("x-trace-me"), "{sent:?}");
        bench.serve(&[FORCED, ("traceparent", &traceparent("00"))], |_| stages());
        bench.check_measured(2);
        let traces = whole_traces(bench);
        assert_eq!(traces.len(), 2, "{sampler:?}");
        assert_eq!(traces[1], TRACE);
    }
}

#[test]
fn a_request_with_another_value_of_the_forcing_header_is_not_forced() {
    let bench = forcing(Sampler::AlwaysOff);
    for value in ["", "open", "Open Sesame", "open sesame!"] {
        bench.serve(&[("x-trace-me", value)], |_| stages());
    }
    bench.serve(&[], |_| stages());
    assert!(whole_traces(bench).is_empty());
}

#[test]
fn the_forcing_header_works_where_no_trace_context_is_read() {
    let bench = with(|it| {
        it.sampler(Sampler::AlwaysOff).propagators([]).forcing_header("x-trace-me", "open sesame")
    });
    bench.serve(&[FORCED, ("traceparent", &traceparent("01"))], |_| stages());
    let traces = whole_traces(bench);
    assert_eq!(traces.len(), 1);
    assert_ne!(traces[0], TRACE);
}

#[test]
fn the_rules_can_be_in_the_environment() {
    let pairs = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("STAGELIGHT_TRACES_ENDPOINT_RATIOS", "/chat=1, /models=0.5"),
        ("STAGELIGHT_TRACES_FORCING_HEADER", "x-trace-me = open sesame"),
    ];
    let bench = Bench::with(Protocol::Grpc, &pairs, |it| it.strict(true));
    bench.serve(&[], |_| stages());
    bench.serve_at("/other", &[], |_| stages());
    bench.serve_at("/other", &[FORCED], |_| stages());
    assert_eq!(whole_traces(bench).len(), 2);
}

#[test]
fn rules_that_cannot_be_followed_are_told_without_the_header_s_value() {
    for (ratios, header) in [
        ("/chat=1.5", "x-trace-me"),
        ("/chat", "x trace me=secret"),
        ("=0.5", "x-trace-me="),
        ("/chat=half", "x-trace-me=\u{7f}secret"),
    ] {
        let environment = Environment::from_pairs([
            ("STAGELIGHT_TRACES_ENDPOINT_RATIOS", ratios),
            ("STAGELIGHT_TRACES_FORCING_HEADER", header),
        ]);
        let config = Config::from_env(&environment);
        let problems: Vec<_> = config.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("STAGELIGHT_TRACES_ENDPOINT_RATIOS"), "{problems:?}");
        assert!(problems[1].contains("(value not shown)"), "{problems:?}");
        assert!(!problems[1].contains("secret"), "{problems:?}");
    }
}
