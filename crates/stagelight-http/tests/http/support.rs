//! The test fixture: an engine with a manual clock, and a recorder of spans.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use stagelight_core::{
    Clock, Engine, ManualClock, Outcome, Point, Propagator, Series,
    catalog::{self, Family, MetricId, TypedFamily, labels},
};
use stagelight_http::{HttpLayer, TrackedBody, client::Backend};
use stagelight_tracing::StageLayer;
use testbed::ScriptedBody;
use tower::{BoxError, ServiceExt as _};
use tower_layer::Layer as _;
use tracing::{
    Event, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context as LayerContext, prelude::*, registry::LookupSpan};

/// An engine, its clock, and the spans and events of the test's thread.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) time: ManualClock,
    pub(crate) spans: Recorder,
    _subscriber: tracing::subscriber::DefaultGuard,
}

/// Writes an event and advances the clock by 1 ms when dropped.
pub(crate) struct Dropped(pub(crate) ManualClock);

/// Writes the name of the current span as its trace context.
#[derive(Debug)]
pub(crate) struct SpanNames;

/// A layer that keeps all spans and events.
#[derive(Clone)]
pub(crate) struct Recorder {
    clock: Clock,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A span or an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    id: Option<u64>,
    pub(crate) name: String,
    /// The name of the parent span.
    pub(crate) parent: Option<String>,
    pub(crate) fields: BTreeMap<String, String>,
    /// From its creation to its last exit: the length of an exported span.
    pub(crate) length: Duration,
    pub(crate) is_closed: bool,
    /// The names of the spans that were open at its creation.
    pub(crate) beside: Vec<String>,
    created: stagelight_core::Ticks,
}

// === impl Fixture ===

impl Fixture {
    pub(crate) fn new() -> Self {
        let (clock, time) = Clock::manual();
        Self::with(Engine::with_clock(clock), time)
    }

    /// For real servers, which need real time: `time` and `pass` have no effect.
    pub(crate) fn in_real_time() -> Self {
        Self::with(Engine::new(), Clock::manual().1)
    }

    fn with(engine: Engine, time: ManualClock) -> Self {
        let spans = Recorder { clock: engine.clock().clone(), seen: Arc::default() };
        let subscriber =
            tracing_subscriber::registry().with(StageLayer::new(&engine)).with(spans.clone());
        Self { engine, time, spans, _subscriber: subscriber.set_default() }
    }

    pub(crate) fn layer(&self) -> HttpLayer {
        HttpLayer::new(&self.engine).route(|_| "/x")
    }

    pub(crate) fn backend(&self) -> Backend {
        Backend::new("openai").model("small").engine(&self.engine)
    }

    /// Runs `work` in a request that lasts as long as `work`.
    pub(crate) fn in_request<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut request = self.engine.start_request("/x");
        let span = request.link(|| tracing::info_span!("http.request", stagelight.endpoint = "/x"));
        let result = span.in_scope(work);
        request.end(Outcome::Ok);
        result
    }

    /// Returns a script action that advances the clock.
    pub(crate) fn pass(&self, millis: u64) -> impl FnOnce() + Send + Sync + 'static {
        let time = self.time.clone();
        move || time.advance(Duration::from_millis(millis))
    }

    /// Waits at most 10 s until this number of requests has ended.
    pub(crate) async fn ended(&self, requests: u64) {
        for _ in 0..2000 {
            let ended: u64 = self
                .series(&catalog::REQUEST)
                .iter()
                .map(|it| count(it, catalog::REQUEST_DURATION))
                .sum();
            if ended == requests && self.active() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("expected {requests} ended requests: {:#?}", self.series(&catalog::REQUEST));
    }

    /// Returns the only ended request as `outcome status error.type duration bytes`.
    #[track_caller]
    pub(crate) fn the_request(&self) -> String {
        let requests = self.series(&catalog::REQUEST);
        let servers = self.series(&catalog::HTTP_SERVER);
        let ([request], [server]) = (&requests[..], &servers[..]) else {
            panic!("expected one request: {requests:?}, {servers:?}")
        };
        let duration = catalog::HTTP_SERVER_REQUEST_DURATION;
        assert_eq!(count(request, catalog::REQUEST_DURATION), 1, "it ended once");
        assert_eq!(count(server, duration), 1, "it ended once");
        let nanos = sum(server, duration);
        assert_eq!(sum(request, catalog::REQUEST_DURATION), nanos, "to the last byte");
        assert_eq!(self.active(), 0);
        format!(
            "{} {} {} {}ms {}B",
            request.value(Outcome::LABEL),
            or_dash(server.value(labels::HttpResponseStatusCode::LABEL)),
            or_dash(server.value(labels::ErrorType::LABEL)),
            nanos / 1_000_000,
            sum(server, catalog::HTTP_SERVER_RESPONSE_BODY_SIZE),
        )
    }

    /// Returns the ended requests as `endpoint outcome status error.type bytes`, and the sum of
    /// their durations.
    pub(crate) fn requests(&self) -> (Vec<String>, Duration) {
        let requests = self.series(&catalog::REQUEST);
        let servers = self.series(&catalog::HTTP_SERVER);
        let written = requests.iter().zip(&servers).map(|(request, server)| {
            format!(
                "{} {} {} {} {}B",
                request.value(labels::Endpoint::LABEL),
                request.value(Outcome::LABEL),
                or_dash(server.value(labels::HttpResponseStatusCode::LABEL)),
                or_dash(server.value(labels::ErrorType::LABEL)),
                sum(server, catalog::HTTP_SERVER_RESPONSE_BODY_SIZE),
            )
        });
        let nanos = requests.iter().map(|it| sum(it, catalog::REQUEST_DURATION)).sum();
        (written.collect(), Duration::from_nanos(nanos))
    }

    /// Returns the ended calls as `method address port status error.type duration`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.series(&catalog::HTTP_CLIENT);
        let written = calls.iter().map(|it| {
            format!(
                "{} {} {} {} {} {}ms",
                it.value(labels::HttpRequestMethod::LABEL),
                it.value(labels::ServerAddress::LABEL),
                it.value(labels::ServerPort::LABEL),
                or_dash(it.value(labels::HttpResponseStatusCode::LABEL)),
                or_dash(it.value(labels::ErrorType::LABEL)),
                sum(it, catalog::HTTP_CLIENT_REQUEST_DURATION) / 1_000_000,
            )
        });
        written.collect()
    }

    /// Returns the closed stages as `stage error.type duration share`, sorted by name.
    pub(crate) fn stages(&self) -> Vec<String> {
        let errors = self.series(&catalog::STAGE_ERRORS);
        let mut stages = self.series(&catalog::STAGE);
        stages.retain(|it| it.value(labels::Stage::LABEL) != "unattributed");
        let written = stages.iter().map(|it| {
            let stage = it.value(labels::Stage::LABEL);
            let error = errors.iter().find(|error| error.value(labels::Stage::LABEL) == stage);
            format!(
                "{stage} {} {}ms {}ms",
                error.map_or("-", |it| it.value(labels::ErrorType::LABEL)),
                sum(it, catalog::REQUEST_STAGE_DURATION) / 1_000_000,
                sum(it, catalog::REQUEST_STAGE_SHARE) / 1_000_000,
            )
        });
        written.collect()
    }

    /// Returns the unattributed time in milliseconds.
    pub(crate) fn unattributed(&self) -> u64 {
        let stages = self.series(&catalog::STAGE);
        let found = stages.iter().find(|it| it.value(labels::Stage::LABEL) == "unattributed");
        found.map_or(0, |it| sum(it, catalog::REQUEST_STAGE_SHARE) / 1_000_000)
    }

    pub(crate) fn active(&self) -> i64 {
        let active = self.series(&catalog::HTTP_SERVER_ACTIVE);
        active
            .iter()
            .map(|it| match it.points[0] {
                Point::UpDownCounter(value) => value,
                _ => panic!("expected an up-down counter"),
            })
            .sum()
    }

    pub(crate) fn series(&self, family: &'static Family) -> Vec<Series> {
        self.engine.snapshot().of(family).cloned().collect()
    }
}

/// Serves one request with this response.
pub(crate) async fn respond<B>(
    layer: HttpLayer,
    request: Request<ScriptedBody>,
    response: Response<B>,
) -> Response<TrackedBody<B>>
where
    B: Body<Data = bytes::Bytes, Error: 'static>,
{
    let mut response = Some(response);
    let handler = tower::service_fn(move |_| {
        std::future::ready(Ok::<_, BoxError>(response.take().expect("one request")))
    });
    layer.layer(handler).oneshot(request).await.expect("the handler does not fail")
}

pub(crate) fn get() -> Request<ScriptedBody> {
    Request::new(ScriptedBody::new())
}

/// Polls a body `polls` times or to its end, calls `wait`, and drops it.
///
/// Returns the length of each frame, with `.` for `Pending`.
pub(crate) fn poll<B>(body: B, polls: usize, wait: impl FnOnce()) -> Vec<String>
where
    B: Body<Error: Debug>,
{
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut seen = Vec::new();
    for _ in 0..polls {
        seen.push(match body.as_mut().poll_frame(&mut cx) {
            Poll::Pending => ".".to_owned(),
            Poll::Ready(None) => break,
            Poll::Ready(Some(Err(error))) => format!("{error:?}"),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => format!("{}B", bytes::Buf::remaining(&data)),
                Err(_) => "trailers".to_owned(),
            },
        });
    }
    wait();
    seen
}

fn count<F: TypedFamily>(series: &Series, metric: MetricId<F>) -> u64 {
    series.histogram(metric).unwrap().count()
}

fn sum<F: TypedFamily>(series: &Series, metric: MetricId<F>) -> u64 {
    series.histogram(metric).unwrap().recorded_sum()
}

fn or_dash(value: &str) -> &str {
    if value.is_empty() { "-" } else { value }
}

// === impl Dropped ===

impl Drop for Dropped {
    fn drop(&mut self) {
        tracing::info!(target: "dropped", "seen");
        self.0.advance(Duration::from_millis(1));
    }
}

// === impl SpanNames ===

impl Propagator for SpanNames {
    fn adopt(&self, _: &Span, _: &dyn Fn(&str) -> Option<String>) {}

    fn inject(&self, span: &Span, set: &mut dyn FnMut(&str, String)) {
        set("traceparent", span.metadata().unwrap().name().to_owned());
    }
}

// === impl Recorder ===

impl Recorder {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns the only span or event of this name.
    #[track_caller]
    pub(crate) fn the(&self, name: &str) -> Seen {
        let all = self.all();
        let mut found = all.iter().filter(|it| it.name == name);
        match (found.next(), found.next()) {
            (Some(one), None) => one.clone(),
            _ => panic!("expected one {name:?} in {all:#?}"),
        }
    }

    fn with(&self, id: &Id, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap();
        // The newest, because ids are reused.
        let found = seen.iter_mut().rev().find(|it| it.id == Some(id.into_u64()));
        change(found.expect("spans are recorded at their creation"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let span = context.span(id).unwrap();
        let mut seen = Seen {
            id: Some(id.into_u64()),
            name: span.name().to_owned(),
            parent: span.parent().map(|it| it.name().to_owned()),
            created: self.clock.now(),
            ..Seen::default()
        };
        attributes.record(&mut seen);
        let mut all = self.seen.lock().unwrap();
        let open = all.iter().filter(|it| it.id.is_some() && !it.is_closed);
        seen.beside = open.map(|it| it.name.clone()).collect();
        all.push(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        self.with(id, |it| values.record(it));
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        self.with(id, |it| it.length = self.clock.since(it.created).into());
    }

    fn on_close(&self, id: Id, _: LayerContext<'_, S>) {
        self.with(&id, |it| it.is_closed = true);
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let mut seen = Seen {
            name: event.metadata().target().to_owned(),
            parent: context.event_span(event).map(|it| it.name().to_owned()),
            ..Seen::default()
        };
        event.record(&mut seen);
        self.seen.lock().unwrap().push(seen);
    }
}

// === impl Seen ===

impl Seen {
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("no {name:?} in {self:#?}"))
    }
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
