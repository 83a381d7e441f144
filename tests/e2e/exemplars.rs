//! Exemplars in Prometheus refer to exported traces, for pushed and for scraped metrics.

use std::{collections::BTreeSet, time::Duration};

use testbed::StackOptions;

use crate::{
    client::Chat,
    fixture::{Fixture, OTLP, SCRAPE, options},
    prometheus::Exemplar,
    spans::{self, Span},
};
use testbed::clock::eventually;

const REQUESTS: usize = 12;

#[test]
fn every_exemplar_refers_to_an_exported_span_of_a_marked_request() {
    let fixture = Fixture::start(&StackOptions {
        scrape_interval: Some(Duration::from_millis(500)),
        ..options()
    });
    // The page has exemplars from its first scrape on.
    fixture.prometheus.wait_for(&format!("up{{job={SCRAPE:?}}}"), 1.0);
    // Some requests are not sampled: their values must not become exemplars.
    for number in 0..REQUESTS {
        let chat = Chat::streamed("northwind-mini", "ttft=30ms,tokens=3");
        let flags = if number % 3 == 0 { "00" } else { "01" };
        let trace = format!("00-0af7651916cd43dd8448eb211c80{number:04}-b7ad6b7169203331-{flags}");
        fixture.client.chat_in_trace(&chat, &trace);
    }
    fixture.settle(OTLP);
    fixture.settle(SCRAPE);

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
                let found = fixture.prometheus.exemplars(&selector);
                if found.is_empty() {
                    Err(format!("no exemplars of {selector}"))
                } else {
                    Ok(found)
                }
            });
            check(&fixture, &selector, &exemplars);
        }
    }
}

/// Keeps only traces with exemplars.
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
fn tail_sampling_can_keep_exactly_the_traces_with_exemplars() {
    const MANY: usize = 250;
    let fixture = Fixture::start(&StackOptions {
        collector_args: vec![format!("--config=yaml:{TAIL_SAMPLING}")],
        // One or two intervals in total, because each has its own exemplars.
        export_interval: Duration::from_secs(5),
        ..options()
    });
    for _ in 0..MANY {
        fixture.client.chat(&Chat::whole("northwind-mini", "ttft=0s,tokens=1"));
    }
    let all = format!("sum(request_duration_seconds_count{{job={OTLP:?}}})");
    fixture.prometheus.wait_for(&all, 250.0);

    for metric in ["request_duration_seconds", "request_stage_duration_seconds"] {
        let selector = format!("{metric}_bucket{{job={OTLP:?}}}");
        let exemplars = fixture.prometheus.exemplars(&selector);
        assert!(!exemplars.is_empty(), "{selector}");
        check(&fixture, &selector, &exemplars);
    }
    let spans = spans::all(&fixture.stack);
    let kept: BTreeSet<_> = spans.iter().map(|it| &it.trace_id).collect();
    assert!(kept.len() < MANY, "all {MANY} traces were kept");
    for trace in kept {
        let mut of_it = spans.iter().filter(|it| it.trace_id == *trace);
        assert!(of_it.any(|it| it.attribute("stagelight.exemplar") == "true"), "{trace}");
    }
}

/// Checks that the exemplars' spans are exported.
#[track_caller]
fn check(fixture: &Fixture, selector: &str, exemplars: &[Exemplar]) {
    eventually(|| {
        let spans = spans::all(&fixture.stack);
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
