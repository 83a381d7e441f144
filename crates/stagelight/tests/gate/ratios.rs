//! What part of requests is traced, and that all are measured.

use std::collections::BTreeMap;

use stagelight::otel::Sampler;
use stagelight_tracing::StageLayer;

use crate::support::{Bench, hex, stages};

const REQUESTS: u64 = 2000;

/// Serves requests, and returns how many spans arrived of each trace.
#[track_caller]
fn traces(sampler: Sampler) -> BTreeMap<String, usize> {
    let bench = Bench::new(sampler);
    let mut promised = 0;
    for _ in 0..REQUESTS {
        let sent = bench.serve(&[], |span| {
            stages();
            bench.sent_from(span)
        });
        promised += usize::from(sent["traceparent"].ends_with("-01"));
    }
    bench.check_measured(REQUESTS);
    let mut traces = BTreeMap::new();
    for span in bench.finish() {
        *traces.entry(hex(&span.trace_id)).or_default() += 1;
    }
    assert_eq!(traces.len(), promised, "as many traces as backends were told of");
    assert!(traces.values().all(|&spans| spans == 5), "whole traces only: {traces:?}");
    traces
}

#[test]
fn at_zero_percent_nothing_is_traced() {
    assert!(traces(Sampler::ParentBasedRatio(0.0)).is_empty());
    assert!(traces(Sampler::AlwaysOff).is_empty());
}

#[test]
fn at_one_percent_about_one_in_a_hundred_is_traced() {
    for sampler in [Sampler::ParentBasedRatio(0.01), Sampler::Ratio(0.01)] {
        let traces = traces(sampler).len();
        // 20 are expected; four and a half standard deviations and more to each side.
        assert!((1..50).contains(&traces), "{traces} of {REQUESTS}");
    }
}

#[test]
fn at_a_hundred_percent_everything_is_traced() {
    let all = usize::try_from(REQUESTS).unwrap();
    assert_eq!(traces(Sampler::ParentBasedAlwaysOn).len(), all);
    assert_eq!(traces(Sampler::ParentBasedRatio(1.0)).len(), all);
}

#[test]
fn a_request_that_is_not_traced_allocates_what_a_measured_one_does() {
    let bench = Bench::new(Sampler::AlwaysOff);
    let measured = tracing::Dispatch::new(tracing_subscriber::layer::SubscriberExt::with(
        tracing_subscriber::registry(),
        StageLayer::new(bench.telemetry.engine()),
    ));
    let request = || {
        tracing::info_span!("request", stagelight.endpoint = "/chat").in_scope(stages);
    };
    let hundred = || (0..100).for_each(|_| request());
    let count = |dispatch| {
        tracing::dispatcher::with_default(dispatch, || {
            // Fine cells are made as values fall into them, so the first requests allocate.
            (0..50).for_each(|_| hundred());
            (0..5).map(|_| allocation_counter::measure(hundred).count_total).min()
        })
    };
    assert_eq!(count(&bench.dispatch), count(&measured));
}
