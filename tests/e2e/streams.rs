//! Streams have their true length, also when the caller goes away in the middle.

use std::time::Duration;

use crate::{
    bench::{Bench, OTLP, options},
    caller::Chat,
    spans,
};

/// How far apart what the caller and the gateway measure may be.
///
/// The gateway learns that the caller is gone when it next writes.
const TOLERANCE: Duration = Duration::from_millis(200);

#[test]
fn a_request_that_is_left_in_mid_stream_is_cancelled_and_has_its_true_length() {
    let bench = Bench::start(&options());
    let sim = "ttft=300ms,tokens=2000,token-interval=20ms";

    // A line and an empty one for each token.
    let (head_after, streamed) =
        bench.caller.chat_and_leave(&Chat::streamed("halcyon-chat", sim), 100);

    let prometheus = &bench.prometheus;
    prometheus.wait_for("request_duration_seconds_count{outcome=\"cancelled\"}", 1.0);
    bench.settle(OTLP);
    assert_eq!(prometheus.number("sum(request_duration_seconds_count)"), Some(1.0));
    assert_eq!(prometheus.number("sum(http_server_active_requests)"), Some(0.0));
    let seconds = |metric: &str| {
        let query = format!("{metric}_sum{{endpoint=\"/v1/chat/completions\"}}");
        Duration::from_secs_f64(prometheus.number(&query).unwrap())
    };
    let request = seconds("request_duration_seconds");
    let stream = seconds("streaming_duration_seconds");
    check_length("the request", request, head_after + streamed);
    check_length("the stream", stream, streamed);
    check_length("the head", seconds("backend_ttfb_seconds"), head_after);

    let trace = spans::wait_for_trace(&bench.stack, |_| true);
    let server = spans::of_request(&trace);
    assert_eq!(server.attribute("outcome"), "cancelled");
    assert_eq!(server.attribute("http.response.status_code"), "200");
    check_same_length("the request", server.took, request);
    check_same_length("the stream", spans::of_stage(&trace, "stream_processing").took, stream);
}

#[test]
fn a_stream_is_as_long_in_its_span_as_in_its_histogram() {
    let bench = Bench::start(&options());
    let sim = "ttft=0s,tokens=4,token-interval=70ms";

    let answer = bench.caller.chat(&Chat::streamed("halcyon-chat", sim));

    assert!(answer.is_whole && answer.text.ends_with("data: [DONE]\n\n"), "{answer:?}");
    bench.prometheus.wait_for("streaming_duration_seconds_count", 1.0);
    let seconds = bench.prometheus.number("streaming_duration_seconds_sum").unwrap();
    let trace = spans::wait_for_trace(&bench.stack, |_| true);
    let span = spans::of_stage(&trace, "stream_processing").took;
    assert!(Duration::from_millis(210) <= span, "{span:?}");
    check_length("the stream", span, answer.body_took);
    check_same_length("the stream", span, Duration::from_secs_f64(seconds));
}

#[track_caller]
fn check_length(what: &str, gateway: Duration, caller: Duration) {
    assert!(
        gateway.abs_diff(caller) < TOLERANCE,
        "{what} took {gateway:?} for the gateway, {caller:?} for the caller"
    );
}

/// Checks that a span is as long as what the histogram has of it: both have the same ends.
#[track_caller]
fn check_same_length(what: &str, span: Duration, histogram: Duration) {
    let both = Duration::from_millis(20);
    assert!(
        span.abs_diff(histogram) < both,
        "{what} took {span:?} in its span, {histogram:?} in its histogram"
    );
}
