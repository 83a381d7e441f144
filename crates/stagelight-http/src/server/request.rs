//! A server request, from its arrival to the last byte of its response.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request as HttpRequest, Response, StatusCode, Version,
    header::CONTENT_TYPE, request::Parts,
};
use http_body::Body;
use stagelight_core::{
    Engine, Nanos, Outcome, Request, Ticks,
    catalog::{
        self, HttpServerFamily, Measurement,
        labels::{Endpoint, ErrorType, HttpResponseStatusCode, HttpRoute, UrlScheme},
    },
};
use tracing::Span;

use super::{
    access_log::{self, Entry, millis},
    request_id::RequestId,
    route::{Route, RouteResolver},
    span,
};
use crate::{
    conventions::{Labels, has_no_body, record_error},
    end::{EndGuard, OnEnd},
    failure::Failure,
    grpc::{self, GrpcHead, GrpcStatus},
    outcome::{EndReason, Side},
    stream_timer::StreamTimer,
    tracked_body::Content,
};

/// By how much a call may be dropped before its time limit and still count as timed out.
const TIME_LIMIT_TOLERANCE: Duration = Duration::from_millis(2);
const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// The settings of an [`HttpLayer`](crate::HttpLayer).
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) engine: Engine,
    pub(crate) route: RouteResolver,
    pub(crate) default_scheme: UrlScheme,
    pub(crate) response_time_header: bool,
    pub(crate) access_log: bool,
    pub(crate) catch_panics: bool,
}

/// A request in progress.
///
/// Created in `call`, moved into the future, then into the body. See [`EndGuard`] for its end.
#[derive(Debug)]
pub(crate) struct ServerRequest {
    config: Arc<Config>,
    request: Request,
    labels: Labels,
    route: Route,
    request_id: RequestId,
    /// Bytes of the request body that were read. `None` if there is no body.
    request_bytes: Option<Arc<AtomicU64>>,
    /// The time limit that a gRPC client sets.
    time_limit: Option<Duration>,
    head: Option<Head>,
    /// The timer of the response, if it is a stream.
    timer: Option<StreamTimer>,
    has_panicked: bool,
}

/// The response head.
#[derive(Clone, Copy, Debug)]
struct Head {
    status: StatusCode,
    /// Time from the arrival of the request.
    ttfb: Nanos,
    grpc: GrpcHead,
}

// === impl ServerRequest ===

impl ServerRequest {
    /// Starts the request: its time runs and it counts as active from here.
    ///
    /// If it waited in a `queued` service, its time also includes the wait.
    ///
    /// Also returns the counter of the bytes read from the body, unless the body is empty.
    pub(crate) fn start<B: Body>(
        config: &Arc<Config>,
        request: HttpRequest<B>,
        queued: Option<Range<Ticks>>,
    ) -> (EndGuard<Box<Self>>, HttpRequest<B>, Option<Arc<AtomicU64>>) {
        let engine = &config.engine;
        let (mut parts, body) = request.into_parts();

        let route = config.route.resolve(&parts);
        let request = match queued {
            Some(queued) => engine.start_queued_request(route.endpoint(), queued),
            None => engine.start_request(route.endpoint()),
        };
        let request_id = RequestId::from_headers(&mut parts.headers);
        parts.extensions.insert(request_id.clone());

        let labels = Labels::from_parts(&parts, config.default_scheme);
        let caller = |name: &str| span::header(&parts.headers, name);
        let span = request.link_from(&caller, || span::open(&parts, &labels, &route, &request_id));

        // Most requests have no body, and need no shared counter.
        let request_bytes = (!body.is_end_stream()).then(Arc::<AtomicU64>::default);
        // Boxed because it moves from here to the future and to the body: the copies cost about
        // 400 ns per request, the allocation 20 (measured).
        let server_request = Box::new(Self {
            config: Arc::clone(config),
            request,
            labels,
            route,
            request_id,
            request_bytes: request_bytes.clone(),
            time_limit: time_limit(&parts),
            head: None,
            timer: None,
            has_panicked: false,
        });
        server_request.add_active(1);
        let request = HttpRequest::from_parts(parts, body);
        (EndGuard::new(span, server_request), request, request_bytes)
    }

    /// Records the response head and adds headers. Must be called inside `span`.
    ///
    /// Returns `true` if HTTP sends a body after it.
    pub(crate) fn response_head<B>(&mut self, span: &Span, response: &mut Response<B>) -> bool {
        let ttfb = self.request.elapsed();
        let status = response.status();
        let grpc = GrpcHead::from_headers(response.headers());
        self.head = Some(Head { status, ttfb, grpc });
        span.record("http.response.status_code", status.as_u16());

        let headers = response.headers_mut();
        self.request_id.write_to(headers);
        if self.config.response_time_header
            && let Ok(value) = HeaderValue::try_from(format!("{:.3}ms", millis(ttfb)))
        {
            headers.insert(RESPONSE_TIME, value);
        }
        !has_no_body(self.labels.method, status)
    }

    /// Measures the response as a stream from now on.
    pub(crate) fn start_stream(&mut self) {
        self.timer = Some(StreamTimer::start(&self.config.engine, self.head.map(|it| it.ttfb)));
    }

    /// Notes that the handler panicked. Returns the response if panics are caught.
    pub(crate) fn panic_response<B>(&mut self) -> Option<Response<Content<B>>>
    where
        B: Body,
        B::Data: From<Bytes>,
    {
        self.has_panicked = true;
        self.config.catch_panics.then(|| panic_response(&self.request_id))
    }

    /// Returns why the request ended, if its body or its future ended for `reason`.
    fn reason(&self, reason: EndReason) -> EndReason {
        match reason {
            _ if self.has_panicked => EndReason::Failed(Failure::Panic),
            EndReason::Cancelled if self.is_past_time_limit() => {
                EndReason::GrpcStatus(GrpcStatus::DEADLINE_EXCEEDED)
            }
            _ => match &self.head {
                Some(head) => head.grpc.reason(reason, self.labels.method, head.status),
                None => reason,
            },
        }
    }

    /// Returns `true` if the time limit of a gRPC client is over.
    ///
    /// Client and server drop the call then, and neither sends a status through this layer. Their
    /// clocks started earlier, by the time from there to here, hence the tolerance.
    fn is_past_time_limit(&self) -> bool {
        let elapsed = Duration::from(self.request.elapsed());
        self.time_limit.is_some_and(|it| it <= elapsed + TIME_LIMIT_TOLERANCE)
    }

    fn add_active(&self, change: i64) {
        let labels = (self.labels.method, self.labels.scheme);
        self.config.engine.add(catalog::HTTP_SERVER_ACTIVE_REQUESTS, labels, change);
    }

    fn record(&self, error_type: Option<&str>, values: &[Measurement<HttpServerFamily>]) {
        let Labels { method, scheme, version } = self.labels;
        let labels = (
            method,
            scheme,
            self.head.as_ref().map(|it| HttpResponseStatusCode::new(it.status.as_str())),
            self.route.template().map(HttpRoute::new),
            error_type.map(ErrorType::new),
            version,
        );
        self.config.engine.record(&catalog::HTTP_SERVER, labels, values);
    }

    fn record_stream(&mut self, bytes: u64, outcome: Outcome) {
        let Some(timer) = self.timer.take() else { return };
        let values = timer.finish(Some(bytes), outcome);
        let labels = Endpoint::new(self.route.endpoint());
        self.config.engine.record(&catalog::STREAM_RESPONSE, labels, values.as_slice());
    }
}

impl OnEnd for ServerRequest {
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason) {
        let status = self.head.map(|it| it.status);
        let (outcome, error_type) = self.reason(reason).classify(Side::Server, status.as_ref());
        let duration = self.request.end(outcome);
        let request_bytes = self.request_bytes.as_ref().map_or(0, |it| it.load(Ordering::Relaxed));

        let values = [
            catalog::HTTP_SERVER_REQUEST_DURATION.value(duration.get()),
            catalog::HTTP_SERVER_REQUEST_BODY_SIZE.value(request_bytes),
            catalog::HTTP_SERVER_RESPONSE_BODY_SIZE.value(bytes),
        ];
        self.record(error_type, &values);
        self.add_active(-1);
        self.record_stream(bytes, outcome);
        span.record("outcome", outcome.as_str());
        if let Some(error_type) = error_type {
            record_error(span, error_type);
        }
        if self.config.access_log {
            access_log::write(&Entry {
                method: self.labels.method.as_str(),
                endpoint: self.route.endpoint(),
                status: status.map(|it| it.as_u16()),
                outcome: outcome.as_str(),
                error_type,
                duration,
                ttfb: self.head.map(|it| it.ttfb),
                request_bytes,
                response_bytes: bytes,
                request_id: self.request_id.as_str(),
            });
        }
    }

    fn timer(&mut self) -> Option<&mut StreamTimer> {
        self.timer.as_mut()
    }
}

/// Returns a 500 that contains only the request id.
fn panic_response<B>(request_id: &RequestId) -> Response<Content<B>>
where
    B: Body,
    B::Data: From<Bytes>,
{
    // A request id needs no escaping, see `RequestId`.
    let json = format!(r#"{{"error":"internal server error","request_id":"{request_id}"}}"#);
    let content = Content::Text { text: Some(Bytes::from(json)), into_data: B::Data::from };
    let mut response = Response::new(content);
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns the time limit of a gRPC request, which always comes over HTTP/2.
fn time_limit(parts: &Parts) -> Option<Duration> {
    let is_grpc = parts.version == Version::HTTP_2 && grpc::is_grpc(&parts.headers);
    if is_grpc { grpc::time_limit(&parts.headers) } else { None }
}
