//! Waits of streams, with scripted bodies and clients and a manual clock.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream as _, StreamExt as _, stream};
use http::{HeaderMap, Method, Response, StatusCode, Uri, Version, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::BodyExt as _;
use stagelight_core::{
    Point, Series,
    catalog::{self, MetricId, StreamFamily, TypedFamily, labels},
};
use stagelight_http::{
    StageBodyExt, StageSpan, StageStreamExt, TrackedBody, client::ClientResponse, stage_span,
};
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Fixture, get};

/// A step of a client.
enum Step {
    /// Polls once.
    Poll,
    /// Does not poll for this number of milliseconds.
    Wait(u64),
}

use Step::{Poll, Wait};

/// Plays a client's script on a body, and drops it.
fn play<B: Body>(fixture: &Fixture, body: B, script: impl IntoIterator<Item = Step>) {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    for step in script {
        match step {
            Poll => drop(body.as_mut().poll_frame(&mut cx)),
            Wait(millis) => fixture.time.advance(Duration::from_millis(millis)),
        }
    }
}

/// Serves a request with a response after 7 ms.
async fn respond<B>(fixture: &Fixture, response: Response<B>) -> Response<TrackedBody<B>>
where
    B: Body<Data = Bytes, Error: 'static>,
{
    let mut response = Some((response, fixture.pass(7)));
    let handler = tower::service_fn(move |_| {
        let (response, pass) = response.take().expect("one request");
        pass();
        std::future::ready(Ok::<_, BoxError>(response))
    });
    fixture.layer().layer(handler).oneshot(get()).await.expect("the handler does not fail")
}

/// Checks the measured stream of these two scripts.
#[track_caller]
fn check(
    upstream: impl FnOnce(&Fixture) -> ScriptedBody,
    client: impl IntoIterator<Item = Step>,
    expected: &str,
) {
    let fixture = Fixture::new();
    let script = upstream(&fixture).hiding_its_end().map_err(BoxError::from);
    let response = respond(&fixture, Response::new(script)).now_or_never();
    play(&fixture, response.expect("the handler is ready").into_body(), client);
    assert_eq!(the_stream(&fixture, &catalog::STREAM_RESPONSE), expected);
}

/// Returns the only stream of a family in milliseconds, with `-` for missing values.
#[track_caller]
fn the_stream<F: StreamFamily>(fixture: &Fixture, family: &'static F) -> String {
    let all = fixture.series(family);
    let [series] = &all[..] else { panic!("expected one series: {all:#?}") };
    let number = |metric| known(series, metric).map_or("-".to_owned(), |it| it.to_string());
    let millis = |metric| {
        let nanos = known(series, metric);
        nanos.map_or("-".to_owned(), |it| (it as f64 / 1e6).to_string())
    };
    let counted = |metric, name: &'static str| match series.point(metric) {
        Some(Point::Counter(0)) => "",
        Some(Point::Counter(1)) => name,
        other => panic!("{name}: {other:?}"),
    };
    format!(
        "{} chunks {} bytes, first {} {}, gaps {} {}, upstream {} client {}{}{}",
        number(F::CHUNKS),
        number(F::SIZE),
        millis(F::TIME_TO_FIRST_BYTE),
        millis(F::TIME_TO_FIRST_CHUNK),
        millis(F::GAP_LONGEST),
        millis(F::GAP_MEAN),
        millis(F::WAIT_UPSTREAM),
        millis(F::WAIT_CLIENT),
        counted(F::CANCELLED, ", cancelled"),
        counted(F::TIMED_OUT, ", timed out"),
    )
}

/// Returns the value of a metric, if recorded.
#[track_caller]
fn known<F: TypedFamily>(series: &Series, metric: MetricId<F>) -> Option<u64> {
    let histogram = series.histogram(metric).expect("it is a histogram");
    assert!(histogram.count() <= 1, "{} was recorded more than once", metric.metric().name);
    (histogram.count() == 1).then(|| histogram.recorded_sum())
}

#[test]
fn pending_polls_are_upstream_waits() {
    check(
        |_| ScriptedBody::new().pending().data("ab").pending().pending().data("c"),
        [Poll, Wait(10), Poll, Poll, Wait(30), Poll, Wait(5), Poll, Poll],
        "2 chunks 3 bytes, first 7 17, gaps 35 35, upstream 45 client 0",
    );
}

#[test]
fn missing_polls_are_client_waits() {
    check(
        |_| ScriptedBody::new().data("ab").data("c").data("d"),
        [Wait(2), Poll, Wait(10), Poll, Wait(30), Poll, Poll],
        "3 chunks 4 bytes, first 7 9, gaps 30 20, upstream 0 client 42",
    );
}

#[test]
fn upstream_and_client_waits_are_separate() {
    check(
        |_| ScriptedBody::new().pending().data("ab").data("c").pending().data("d"),
        [Poll, Wait(20), Poll, Wait(3), Poll, Wait(4), Poll, Wait(50), Poll, Wait(6), Poll],
        "3 chunks 4 bytes, first 7 27, gaps 54 28.5, upstream 70 client 13",
    );
}

#[test]
fn time_inside_a_poll_is_an_upstream_wait() {
    check(
        |fixture| ScriptedBody::new().run(fixture.pass(8)).data("ab").run(fixture.pass(1)),
        [Poll, Wait(2), Poll],
        "1 chunks 2 bytes, first 7 15, gaps - -, upstream 9 client 2",
    );
}

#[test]
fn trailers_and_empty_frames_are_not_chunks() {
    check(
        |_| ScriptedBody::new().data("").data("ab").trailers([("x-sum", "1")]),
        [Poll, Wait(2), Poll, Wait(3), Poll],
        "1 chunks 2 bytes, first 7 9, gaps - -, upstream 0 client 5",
    );
}

#[test]
fn a_stream_without_chunks_has_no_first_chunk() {
    check(
        |_| ScriptedBody::new().pending(),
        [Poll, Wait(4), Poll],
        "0 chunks 0 bytes, first 7 -, gaps - -, upstream 4 client 0",
    );
}

#[test]
fn a_drop_after_pending_ends_an_upstream_wait() {
    check(
        |_| ScriptedBody::new().data("ab").pending(),
        [Poll, Wait(2), Poll, Wait(40)],
        "1 chunks 2 bytes, first 7 7, gaps - -, upstream 40 client 2, cancelled",
    );
}

#[test]
fn a_drop_after_a_chunk_ends_a_client_wait() {
    check(
        |_| ScriptedBody::new().data("ab").data("c"),
        [Poll, Wait(40)],
        "1 chunks 2 bytes, first 7 7, gaps - -, upstream 0 client 40, cancelled",
    );
}

#[test]
fn only_timeouts_count_as_timed_out() {
    check(
        |_| ScriptedBody::new().pending().error_caused_by("late", io::ErrorKind::TimedOut),
        [Poll, Wait(9), Poll],
        "0 chunks 0 bytes, first 7 -, gaps - -, upstream 9 client 0, timed out",
    );
    check(
        |_| ScriptedBody::new().pending().error("reset"),
        [Poll, Wait(9), Poll],
        "0 chunks 0 bytes, first 7 -, gaps - -, upstream 9 client 0",
    );
}

#[test]
fn a_panic_ends_a_stream() {
    let fixture = Fixture::new();
    let script = ScriptedBody::new().data("ab").run(fixture.pass(3)).panic("oh no");
    let response = respond(&fixture, Response::new(script.hiding_its_end()));
    let body = response.now_or_never().unwrap().into_body();
    let played = catch_unwind(AssertUnwindSafe(|| play(&fixture, body, [Poll, Poll])));
    assert!(played.is_err());
    assert_eq!(
        the_stream(&fixture, &catalog::STREAM_RESPONSE),
        "1 chunks 2 bytes, first 7 7, gaps - -, upstream 3 client 0"
    );
}

#[test]
fn streams_of_one_endpoint_add_up() {
    let fixture = Fixture::new();
    for wait in [10, 20] {
        let script = ScriptedBody::new().pending().data("ab").hiding_its_end();
        let response = respond(&fixture, Response::new(script));
        let body = response.now_or_never().unwrap().into_body();
        play(&fixture, body, [Poll, Wait(wait), Poll, Poll]);
    }
    let streams = fixture.series(&catalog::STREAM_RESPONSE);
    assert_eq!(streams.len(), 1);
    assert_eq!(streams[0].value(labels::Endpoint::LABEL), "/x");
    let upstream = streams[0].histogram(catalog::STREAMING_RESPONSE_WAIT_UPSTREAM).unwrap();
    assert_eq!((upstream.count(), upstream.recorded_sum()), (2, 30_000_000));
}

/// Returns `true` if a response is measured as a stream.
fn is_stream(content_type: &'static str, body: ScriptedBody) -> bool {
    let fixture = Fixture::new();
    let response = Response::builder().header(CONTENT_TYPE, content_type).body(body).unwrap();
    let response = respond(&fixture, response).now_or_never().unwrap();
    play(&fixture, response.into_body(), [Poll, Poll]);
    !fixture.series(&catalog::STREAM_RESPONSE).is_empty()
}

#[test]
fn unknown_length_or_event_stream_make_a_stream() {
    let unknown = || ScriptedBody::new().data("ab").hiding_its_end();
    let known = || ScriptedBody::new().data("ab");
    assert!(!is_stream("application/json", known()));
    assert!(is_stream("application/json", unknown()));
    assert!(is_stream("text/event-stream", known()));
    assert!(is_stream("Text/Event-Stream; charset=utf-8", known()));
    assert!(!is_stream("application/grpc+proto", unknown()));
    assert!(is_stream("application/grpc-web+proto", unknown()));
}

#[test]
fn a_response_with_a_content_length_is_not_a_stream() {
    let fixture = Fixture::new();
    let body = ScriptedBody::new().data("ab").hiding_its_end();
    let response = Response::builder().header("content-length", "2").body(body).unwrap();
    let response = respond(&fixture, response).now_or_never().unwrap();
    play(&fixture, response.into_body(), [Poll]);
    assert!(fixture.series(&catalog::STREAM_RESPONSE).is_empty());
}

/// A call with a response head after 4 ms.
fn responded(fixture: &Fixture) -> ClientResponse {
    let uri = Uri::from_static("https://api.example.com/v1/chat");
    let request = fixture.backend().start(&mut HeaderMap::new(), &Method::POST, &uri);
    fixture.time.advance(Duration::from_millis(4));
    request.response_head(StatusCode::OK, Version::HTTP_2)
}

#[test]
fn a_backend_stream_has_provider_model_and_endpoint() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let script = ScriptedBody::new().pending().data("ab").data("c").hiding_its_end();
        let response = responded(&fixture);
        fixture.time.advance(Duration::from_millis(1));
        play(&fixture, response.body(script), [Poll, Wait(20), Poll, Wait(3), Poll, Poll]);
    });
    assert_eq!(
        the_stream(&fixture, &catalog::STREAM_BACKEND),
        "2 chunks 3 bytes, first 4 25, gaps 3 3, upstream 20 client 4"
    );
    let streams = fixture.series(&catalog::STREAM_BACKEND);
    let labels = [labels::Provider::LABEL, labels::Model::LABEL, labels::Endpoint::LABEL]
        .map(|it| streams[0].value(it));
    assert_eq!(labels, ["openai", "small", "/x"]);
    let stage = &fixture.series(&catalog::BACKEND)[0];
    let duration = stage.histogram(catalog::STREAMING_DURATION).unwrap().recorded_sum();
    assert_eq!(duration, 24_000_000, "both waits are the stage's time");
}

#[test]
fn a_backend_stream_can_outlive_its_request() {
    let fixture = Fixture::new();
    let script = ScriptedBody::new().data("ab").hiding_its_end();
    let body = fixture.in_request(|| responded(&fixture).body(script));
    play(&fixture, body, [Poll, Wait(5)]);
    assert_eq!(
        the_stream(&fixture, &catalog::STREAM_BACKEND),
        "1 chunks 2 bytes, first 4 4, gaps - -, upstream 0 client 5, cancelled"
    );
    assert_eq!(fixture.series(&catalog::STREAM_BACKEND)[0].value(labels::Endpoint::LABEL), "/x");
}

#[test]
fn a_backend_response_of_known_length_is_not_a_stream() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        play(&fixture, responded(&fixture).body(ScriptedBody::new().data("ab")), [Poll]);
        drop(responded(&fixture));
    });
    assert!(fixture.series(&catalog::STREAM_BACKEND).is_empty());
}

#[test]
fn a_body_in_stream_processing_is_a_backend_stream() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let stage = stage_span!("stream_processing", provider = "openai", model = "small");
        let script = ScriptedBody::new().pending().data("ab").hiding_its_end();
        let body = script.in_stage(StageSpan::from(stage).engine(&fixture.engine));
        play(&fixture, body, [Poll, Wait(20), Poll, Wait(3), Poll]);
    });
    assert_eq!(
        the_stream(&fixture, &catalog::STREAM_BACKEND),
        "1 chunks 2 bytes, first - -, gaps - -, upstream 20 client 3"
    );
}

#[test]
fn a_stream_in_stream_processing_is_a_backend_stream() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let (time, limit) = (fixture.time.clone(), io::Error::from(io::ErrorKind::TimedOut));
        let items = stream::iter([Ok(1), Ok(2), Err(limit)]).inspect(move |_| {
            time.advance(Duration::from_millis(6));
        });
        let stage = StageSpan::from("stream_processing").engine(&fixture.engine);
        let items = items.try_in_stage(stage);
        let mut items = pin!(items);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(items.as_mut().poll_next(&mut cx).is_ready());
            fixture.time.advance(Duration::from_millis(1));
        }
    });
    assert_eq!(
        the_stream(&fixture, &catalog::STREAM_BACKEND),
        "2 chunks - bytes, first - -, gaps 7 7, upstream 18 client 2, timed out"
    );
    let streams = fixture.series(&catalog::STREAM_BACKEND);
    assert_eq!(streams[0].value(labels::Provider::LABEL), "unknown");
}

#[test]
fn other_stages_are_not_backend_streams() {
    let fixture = Fixture::new();
    fixture.in_request(|| {
        let script = ScriptedBody::new().data("ab").hiding_its_end();
        let stage = StageSpan::from("render").engine(&fixture.engine);
        play(&fixture, script.in_stage(stage), [Poll, Poll]);
    });
    assert!(fixture.series(&catalog::STREAM_BACKEND).is_empty());
}
