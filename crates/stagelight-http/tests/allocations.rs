//! Measuring a stream allocates nothing per chunk.
//!
//! A test binary of its own, because it counts the allocations of the process.
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
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;

/// Serves a stream of `chunks`, each after one `Pending`.
///
/// Returns the allocations from the first poll to the drop.
fn serve(engine: &Engine, chunks: usize) -> u64 {
    let script = (0..chunks).fold(ScriptedBody::new(), |it, _| it.pending().data("x"));
    let mut response = Some(Response::new(script.hiding_its_end()));
    let handler = tower::service_fn(move |_| {
        std::future::ready(Ok::<_, BoxError>(response.take().expect("one request")))
    });
    let service = HttpLayer::new(engine).route(|_| "/x").layer(handler);
    let responded = service.oneshot(Request::new(ScriptedBody::new())).now_or_never();
    let body = responded.expect("the handler is ready").expect("it does not fail").into_body();

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
    // With a manual clock, all times fall into one bucket, which is allocated once.
    let engine = Engine::with_clock(Clock::manual().0);
    serve(&engine, 10);
    assert_eq!(serve(&engine, 1000), serve(&engine, 10));

    let snapshot = engine.snapshot();
    let streams = snapshot.of(&catalog::STREAM_RESPONSE).next().expect("they are streams");
    let chunks = streams.histogram(catalog::STREAMING_RESPONSE_CHUNKS).expect("it is a histogram");
    assert_eq!(chunks.recorded_sum(), 1020);
}
