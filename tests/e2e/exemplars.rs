//! Exemplars in Prometheus name traces that were exported, however the metrics got there.

use std::{collections::BTreeSet, time::Duration};

use xtask::StackOptions;

use crate::{
    bench::{Bench, OTLP, SCRAPE, options},
    caller::Chat,
    clock::eventually,
    prometheus::Exemplar,
    spans::{self, Span},
};

const REQUESTS: usize = 12;

#[test]
fn every_exemplar_names_a_span_that_was_exported_and_a_request_that_is_marked() {
    let bench = Bench::start(&StackOptions {
        scrape_interval: Some(Duration::from_millis(500)),
        ..options()
    });
    // The page keeps exemplars for those who have asked for them once.
    bench.prometheus.wait_for(&format!("up{{job={SCRAPE:?}}}"), 1.0);
    // Only some, so that values of the others are there to be mistaken for theirs.
    for number in 0..REQUESTS {
        let chat = Chat::streamed("northwind-mini", "ttft=30ms,tokens=3");
        let flags = if number % 3 == 0 { "00" } else { "01" };
        let trace = format!("00-0af7651916cd43dd8448eb211c80{number:04}-b7ad6b7169203331-{flags}");
        bench.caller.chat_in_trace(&chat, &trace);
    }
    bench.settle(OTLP);
    bench.settle(SCRAPE);

    for job in [OTLP, SCRAPE] {
        for metric in [
            "http_server_request_duration_seconds",
            "request_duration_seconds",
            "request_stage_duration_seconds",
            "request_stage_share_seconds",
            "backend_ttfb_seconds",
            "streaming_duration_seconds",
        ] {
            let selector = format!("{metric}_bucket{{job={job:?}}}");
            let exemplars = eventually(|| {
                let found = bench.prometheus.exemplars(&selector);
                if found.is_empty() {
                    Err(format!("no exemplars of {selector}"))
                } else {
                    Ok(found)
                }
            });
            check(&bench, &selector, &exemplars);
        }
    }
}

/// Keeps what exemplars name, and nothing else.
const TAIL_SAMPLING: &str = "
processors:
  tail_sampling:
    decision_wait: 1s
    policies:
      - name: exemplars
        type: boolean_attribute
        boolean_attribute: {key: stagelight.exemplar, value: true}
service:
  pipelines:
    traces:
      processors: [memory_limiter, tail_sampling]
";

#[test]
fn tail_sampling_keeps_every_trace_that_an_exemplar_names_and_few_others() {
    const MANY: usize = 250;
    let bench = Bench::start(&StackOptions {
        collector_args: vec![format!("--config=yaml:{TAIL_SAMPLING}")],
        // One or two intervals for all: the longer it is, the fewer values are kept.
        export_interval: Duration::from_secs(5),
        ..options()
    });
    for _ in 0..MANY {
        bench.caller.chat(&Chat::whole("northwind-mini", "ttft=0s,tokens=1"));
    }
    let all = format!("sum(request_duration_seconds_count{{job={OTLP:?}}})");
    bench.prometheus.wait_for(&all, 250.0);

    for metric in ["request_duration_seconds", "request_stage_duration_seconds"] {
        let selector = format!("{metric}_bucket{{job={OTLP:?}}}");
        let exemplars = bench.prometheus.exemplars(&selector);
        assert!(!exemplars.is_empty(), "{selector}");
        check(&bench, &selector, &exemplars);
    }
    let spans = spans::all(&bench.stack);
    let kept: BTreeSet<_> = spans.iter().map(|it| &it.trace_id).collect();
    assert!(kept.len() < MANY, "all {MANY} traces were kept");
    for trace in kept {
        let mut of_it = spans.iter().filter(|it| it.trace_id == *trace);
        assert!(of_it.any(|it| it.attribute("stagelight.exemplar") == "true"), "{trace}");
    }
}

/// Checks that exemplars' spans are among the exported ones.
#[track_caller]
fn check(bench: &Bench, selector: &str, exemplars: &[Exemplar]) {
    eventually(|| {
        let spans = spans::all(&bench.stack);
        let is_marked = |it: &&Span| it.attribute("stagelight.exemplar") == "true";
        let marked: BTreeSet<_> =
            spans.iter().filter(is_marked).map(|it| it.trace_id.clone()).collect();
        let missing = exemplars.iter().find(|exemplar| {
            let span = spans.iter().find(|it| it.span_id == exemplar.span_id);
            span.is_none_or(|it| it.trace_id != exemplar.trace_id)
                || !marked.contains(&exemplar.trace_id)
        });
        missing.map_or(Ok(()), |it| Err(format!("{selector}: {it:?}\n{spans:#?}")))
    });
}
