//! Measuring a stream allocates nothing for a chunk, however many there are.
//!
//! A test binary of its own: it counts what the global allocator is asked for.
#![expect(clippy::expect_used, reason = "a test may panic")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::Body as _;
use stagelight_core::{Clock, Engine, catalog};
use stagelight_http::HttpLayer;
use stagelight_testing::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

/// Serves a stream of so many chunks, each after a poll in vain. Returns the allocations from the first poll to the drop.
fn serve(engine: &Engine, chunks: usize) -> u64 {
    let script = (0..chunks).fold(ScriptedBody::new(), |it, _| it.pending().data("x"));
    let mut response = Some(Response::new(script.hiding_its_end()));
    let handler = tower::service_fn(move |_| {
        std::future::ready(Ok::<_, BoxError>(response.take().expect("one request")))
    });
    let service = HttpLayer::new(engine).route(|_| "/x").layer(handler);
    let answered = service.oneshot(Request::new(ScriptedBody::new())).now_or_never();
    let body = answered.expect("it is ready").expect("it does not fail").into_body();

    let mut body = Some(body);
    let counted = allocation_counter::measure(|| {
        let mut body = pin!(body.take().expect("measured once"));
        let mut cx = Context::from_waker(Waker::noop());
        while !matches!(body.as_mut().poll_frame(&mut cx), Poll::Ready(None)) {}
    });
    counted.count_total
}

#[test]
fn a_chunk_allocates_nothing() {
    // With a clock that stands still, all times fall into one bucket, which is made once.
    let engine = Engine::with_clock(Clock::manual().0);
    serve(&engine, 10);
    assert_eq!(serve(&engine, 1000), serve(&engine, 10));

    let snapshot = engine.snapshot();
    let streams = snapshot.of(&catalog::STREAM_RESPONSE).next().expect("they are streams");
    let chunks = streams.histogram(catalog::STREAM_CHUNKS).expect("it is a histogram");
    assert_eq!(chunks.recorded_sum(), 1020);
}
