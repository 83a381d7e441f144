//! The time in which a service or a client is not ready.

use std::{
    future::poll_fn,
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use stagelight_core::{
    ManualClock,
    catalog::{
        self,
        labels::{Endpoint, Outcome, Stage},
    },
    stage,
};
use stagelight_http::client::HttpClientLayer;
use testbed::ScriptedBody;
use tower::{BoxError, Service, ServiceExt as _};
use tower_layer::Layer as _;

use crate::support::{Fixture, get, poll};

/// What `poll_ready` returns, in this order; then it is ready.
type Script = Arc<Mutex<Vec<Poll<Result<(), io::ErrorKind>>>>>;

/// A service with a script of its readiness, which takes 2 ms.
#[derive(Clone)]
struct Scripted {
    ready: Script,
    time: ManualClock,
}

impl<B> Service<Request<B>> for Scripted {
    type Response = Response<ScriptedBody>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Response<ScriptedBody>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut script = self.ready.lock().unwrap();
        let next = if script.is_empty() { Poll::Ready(Ok(())) } else { script.remove(0) };
        next.map_err(io::Error::from)
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.time.advance(Duration::from_millis(2));
        std::future::ready(Ok(Response::new(ScriptedBody::new())))
    }
}

fn scripted<const N: usize>(
    fixture: &Fixture,
    script: [Poll<Result<(), io::ErrorKind>>; N],
) -> Scripted {
    Scripted { ready: Arc::new(Mutex::new(script.into())), time: fixture.time.clone() }
}

/// Polls for readiness, and waits 6 ms.
fn poll_ready<S>(fixture: &Fixture, service: &mut S) -> Poll<Result<(), S::Error>>
where
    S: Service<Request<ScriptedBody>>,
{
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    fixture.time.advance(Duration::from_millis(6));
    ready
}

/// Returns the ended requests as `endpoint outcome duration`.
fn ended(fixture: &Fixture) -> Vec<String> {
    let requests = fixture.series(&catalog::REQUEST);
    let written = requests.iter().map(|it| {
        let duration = it.histogram(catalog::REQUEST_DURATION).unwrap();
        let [endpoint, outcome] = [Endpoint::LABEL, Outcome::LABEL].map(|label| it.value(label));
        format!("{endpoint} {outcome} {}ms", duration.recorded_sum() / 1_000_000)
    });
    written.collect()
}

#[tokio::test]
async fn the_time_until_ready_is_the_stage_queue_and_idle_time_is_not() {
    let fixture = Fixture::new();
    let service = scripted(&fixture, [Poll::Pending, Poll::Pending]);
    let mut service = fixture.layer().layer(service);
    for is_ready in [false, false, true, true] {
        assert_eq!(poll_ready(&fixture, &mut service).is_ready(), is_ready);
    }
    let response = service.call(get()).await.unwrap();
    poll(response.into_body(), 0, || ());
    assert_eq!(fixture.the_request(), "ok 200 - 14ms 0B");
    assert_eq!(fixture.stages(), ["queue - 12ms 12ms"]);
    assert_eq!(fixture.unattributed(), 2);
}

#[tokio::test]
async fn a_service_that_is_ready_has_no_queue() {
    let fixture = Fixture::new();
    let mut service = fixture.layer().layer(scripted(&fixture, []));
    assert!(poll_ready(&fixture, &mut service).is_ready());
    drop(service.call(get()).await.unwrap());
    assert!(fixture.stages().is_empty());
    assert_eq!(fixture.the_request(), "ok 200 - 2ms 0B");
}

#[tokio::test]
async fn a_clone_waits_on_its_own() {
    let fixture = Fixture::new();
    let mut first = fixture.layer().layer(scripted(&fixture, [Poll::Pending]));
    assert!(poll_ready(&fixture, &mut first).is_pending());
    let mut clone = first.clone();
    assert!(poll_ready(&fixture, &mut clone).is_ready());
    drop(clone.call(get()).await.unwrap());
    assert_eq!(fixture.the_request(), "ok 200 - 2ms 0B");

    assert!(poll_ready(&fixture, &mut first).is_ready());
    drop(first.call(get()).await.unwrap());
    assert_eq!(ended(&fixture), ["/x ok 18ms"], "2 ms, and 14 ms until ready with 2 ms");
}

#[test]
fn a_dropped_wait_is_a_cancelled_request() {
    let fixture = Fixture::new();
    let mut service = fixture.layer().layer(scripted(&fixture, [Poll::Pending]));
    assert!(poll_ready(&fixture, &mut service).is_pending());
    drop(service);
    assert_eq!(ended(&fixture), ["unmatched cancelled 6ms"]);
    assert_eq!(fixture.stages(), ["queue - 6ms 6ms"]);
}

#[test]
fn a_service_dropped_without_a_call_had_no_request() {
    let fixture = Fixture::new();
    let mut service = fixture.layer().layer(scripted(&fixture, [Poll::Pending]));
    for is_ready in [false, true] {
        let ready = poll_ready(&fixture, &mut service);
        assert_eq!(ready.is_ready(), is_ready);
    }
    drop(service);
    assert!(ended(&fixture).is_empty());
}

#[test]
fn an_error_before_the_call_is_a_failed_request() {
    for (kind, outcome) in [(io::ErrorKind::Other, "error"), (io::ErrorKind::TimedOut, "timeout")] {
        let fixture = Fixture::new();
        let script = [Poll::Pending, Poll::Ready(Err(kind))];
        let mut service = fixture.layer().layer(scripted(&fixture, script));
        assert!(poll_ready(&fixture, &mut service).is_pending());
        let ready = poll_ready(&fixture, &mut service);
        assert!(matches!(ready, Poll::Ready(Err(error)) if error.kind() == kind));
        drop(service);
        assert_eq!(ended(&fixture), [format!("unmatched {outcome} 6ms")]);
    }
}

#[tokio::test]
async fn a_concurrency_limit_inside_the_layer_counts() {
    const WORK: Duration = Duration::from_millis(20);
    let fixture = Fixture::in_real_time();
    let handler = tower::service_fn(|_| async {
        tokio::time::sleep(WORK).await;
        Ok::<_, BoxError>(Response::new(ScriptedBody::new()))
    });
    let service = tower::limit::ConcurrencyLimit::new(handler, 1);
    let service = fixture.layer().layer(service);
    let calls = (0..5).map(|_| service.clone().oneshot(get()));
    for response in futures_util::future::join_all(calls).await {
        poll(response.unwrap().into_body(), 0, || ());
    }
    // 1 + 2 + 3 + 4 + 5 times the work.
    let (_, total) = fixture.requests();
    assert!(WORK * 15 <= total, "{total:?}");
}

#[tokio::test]
async fn a_client_that_is_not_ready_is_the_stage_queue() {
    let fixture = Fixture::new();
    let client = scripted(&fixture, [Poll::Pending]);
    let mut client = HttpClientLayer::new(fixture.backend()).layer(client);
    let mut request = fixture.engine.start_request("/x");
    let span = request.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
    let wait = async {
        assert!(poll_ready(&fixture, &mut client).is_pending());
        poll_fn(|cx| Service::<Request<ScriptedBody>>::poll_ready(&mut client, cx)).await.unwrap();
        drop(client.call(get()).await.unwrap());
    };
    tracing::Instrument::instrument(wait, span).await;
    request.end(Outcome::Ok);
    assert_eq!(
        fixture.stages(),
        ["backend_fetch - 2ms 2ms", "queue - 6ms 6ms", "stream_processing - 0ms 0ms"]
    );
}

#[test]
fn an_abandoned_wait_of_a_kept_client_ends_with_the_wait_of_another_request() {
    let fixture = Fixture::new();
    let client = scripted(&fixture, [Poll::Pending, Poll::Pending, Poll::Pending]);
    let mut client = HttpClientLayer::new(fixture.backend()).layer(client);
    let [(mut first, first_span), (mut second, second_span)] = ["/first", "/second"].map(|it| {
        let request = fixture.engine.start_request(it);
        let span = request.link(|| tracing::info_span!("request", stagelight.endpoint = it));
        (request, span)
    });

    assert!(first_span.in_scope(|| poll_ready(&fixture, &mut client)).is_pending());
    for is_ready in [false, false, true] {
        let ready = second_span.in_scope(|| poll_ready(&fixture, &mut client));
        assert_eq!(ready.is_ready(), is_ready);
    }
    first.end(Outcome::Ok);
    second.end(Outcome::Ok);
    drop((first_span, second_span));

    let mut stages = fixture.series(&catalog::STAGE);
    stages.retain(|it| it.value(Stage::LABEL) == stage::QUEUE);
    let waits = stages.iter().map(|it| {
        let duration = it.histogram(catalog::REQUEST_STAGE_DURATION).unwrap();
        let millis = duration.recorded_sum() / 1_000_000;
        format!("{} {} {millis}ms", it.value(Endpoint::LABEL), duration.count())
    });
    assert_eq!(waits.collect::<Vec<_>>(), ["/first 1 6ms", "/second 1 12ms"]);
    assert!(fixture.spans.all().iter().all(|it| it.is_closed));
}

#[test]
fn a_client_that_fails_before_the_call_is_a_failed_fetch() {
    let fixture = Fixture::new();
    let client = scripted(&fixture, [Poll::Ready(Err(io::ErrorKind::ConnectionRefused))]);
    let mut client = HttpClientLayer::new(fixture.backend()).layer(client);
    fixture.in_request(|| {
        assert!(matches!(poll_ready(&fixture, &mut client), Poll::Ready(Err(_))));
    });
    assert_eq!(fixture.stages(), ["backend_fetch connect 0ms 0ms"]);
    assert!(fixture.series(&catalog::BACKEND).is_empty());
}
