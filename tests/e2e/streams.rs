//! Streams are measured to their end, also if the client disconnects early.

use std::time::Duration;

use crate::{
    client::Chat,
    fixture::{Fixture, OTLP, options},
    spans,
};

/// The difference between the client's and the gateway's measurements.
///
/// The gateway notices a disconnect at its next write.
const TOLERANCE: Duration = Duration::from_millis(200);

#[test]
fn a_disconnect_during_a_stream_is_cancelled_with_its_duration() {
    let fixture = Fixture::start(&options());
    let sim = "ttft=300ms,tokens=2000,token-interval=20ms";

    // Two lines for each token.
    let (head_after, streamed) =
        fixture.client.chat_and_cancel(&Chat::streamed("halcyon-chat", sim), 100);

    let prometheus = &fixture.prometheus;
    prometheus.wait_for("request_duration_seconds_count{outcome=\"cancelled\"}", 1.0);
    fixture.settle(OTLP);
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

    let trace = spans::wait_for_trace(&fixture.stack, |_| true);
    let server = spans::of_request(&trace);
    assert_eq!(server.attribute("outcome"), "cancelled");
    assert_eq!(server.attribute("http.response.status_code"), "200");
    check_same_length("the request", server.duration, request);
    check_same_length("the stream", spans::of_stage(&trace, "stream_processing").duration, stream);
}

#[test]
fn a_streams_span_and_histogram_have_the_same_duration() {
    let fixture = Fixture::start(&options());
    let sim = "ttft=0s,tokens=5,token-interval=70ms";

    let answer = fixture.client.chat(&Chat::streamed("halcyon-chat", sim));

    assert!(answer.is_complete && answer.text.ends_with("data: [DONE]\n\n"), "{answer:?}");
    fixture.prometheus.wait_for("streaming_duration_seconds_count", 1.0);
    let seconds = fixture.prometheus.number("streaming_duration_seconds_sum").unwrap();
    let trace = spans::wait_for_trace(&fixture.stack, |_| true);
    let span = spans::of_stage(&trace, "stream_processing").duration;
    // An interval less than the provider sends for: on a busy machine the head arrives late.
    assert!(Duration::from_millis(210) <= span, "{span:?}");
    check_length("the stream", span, answer.body_took);
    check_same_length("the stream", span, Duration::from_secs_f64(seconds));
}

#[track_caller]
fn check_length(what: &str, gateway: Duration, client: Duration) {
    assert!(
        gateway.abs_diff(client) < TOLERANCE,
        "{what} took {gateway:?} for the gateway, {client:?} for the client"
    );
}

/// Checks that span and histogram have the same duration.
#[track_caller]
fn check_same_length(what: &str, span: Duration, histogram: Duration) {
    let both = Duration::from_millis(20);
    assert!(
        span.abs_diff(histogram) < both,
        "{what} took {span:?} in its span, {histogram:?} in its histogram"
    );
}
