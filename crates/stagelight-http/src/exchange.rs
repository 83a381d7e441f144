//! A request that is being served, from its first byte to the last byte of its answer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderName, HeaderValue, Request as HttpRequest, Response, StatusCode};
use http_body::Body;
use stagelight_core::{Nanos, Outcome, Request, catalog};
use tracing::Span;

use crate::{
    access_log::{self, Entry},
    config::Config,
    content::{self, Content},
    conventions::{Labels, has_no_body},
    end::End,
    endpoint::Endpoint,
    failure::Failure,
    flow::Flow,
    open::{Ending, Open},
    request_body::RequestBody,
    request_id::RequestId,
    span,
    units::millis,
};

const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// A request that is still going on.
///
/// Made in `call`, moved into the future, then into the body. Whoever holds it when the request
/// ends says so; if nobody does, dropping it means "cancelled" (see [`Open`]).
#[derive(Debug)]
pub(crate) struct Exchange {
    config: Arc<Config>,
    request: Request,
    labels: Labels,
    endpoint: Endpoint,
    request_id: RequestId,
    /// Bytes of the request's body that were read; `None` if it has none.
    request_bytes: Option<Arc<AtomicU64>>,
    head: Option<Head>,
    /// Its answer, if that is a stream.
    flow: Option<Flow>,
    /// The handler did; an answer stands in for its own.
    has_panicked: bool,
}

/// The head of the response.
#[derive(Clone, Copy, Debug)]
struct Head {
    status: StatusCode,
    after: Nanos,
}

// === impl Exchange ===

impl Exchange {
    /// Opens the request: its time runs, and it counts as active, from here.
    pub(crate) fn begin<B: Body>(
        config: &Arc<Config>,
        request: HttpRequest<B>,
    ) -> (Open<Box<Self>>, HttpRequest<RequestBody<B>>) {
        let engine = &config.engine;
        let (mut parts, body) = request.into_parts();

        let endpoint = config.endpoint.of(&parts);
        let request = engine.start_request(endpoint.as_str());
        let request_id = RequestId::establish(&mut parts.headers);
        parts.extensions.insert(request_id.clone());

        let labels = Labels::of(&parts, config.default_scheme);
        engine.add(&catalog::HTTP_SERVER_ACTIVE, &[labels.method, labels.scheme], 0, 1);
        let caller = |name: &str| span::header(&parts.headers, name);
        let span =
            request.link_from(&caller, || span::open(&parts, &labels, &endpoint, &request_id));

        // Most requests have no body, and then there is nothing to share with it.
        let request_bytes = (!body.is_end_stream()).then(Arc::<AtomicU64>::default);
        let body = RequestBody::new(body, request_bytes.clone());
        // Boxed, because it moves from here to the future and to the body: measured, the copies cost
        // some 400 ns a request, the allocation 20.
        let exchange = Box::new(Self {
            config: Arc::clone(config),
            request,
            labels,
            endpoint,
            request_id,
            request_bytes,
            head: None,
            flow: None,
            has_panicked: false,
        });
        (Open::new(span, exchange), HttpRequest::from_parts(parts, body))
    }

    /// Takes note of the response's head, and adds our headers. Called within `span`.
    ///
    /// Returns whether HTTP sends a body after it.
    pub(crate) fn answer<B>(&mut self, span: &Span, response: &mut Response<B>) -> bool {
        let after = self.request.elapsed();
        let status = response.status();
        self.head = Some(Head { status, after });
        span.record("http.response.status_code", status.as_u16());

        let headers = response.headers_mut();
        self.request_id.write_to(headers);
        if self.config.has_response_time_header
            && let Ok(value) = HeaderValue::try_from(format!("{:.3}ms", millis(after)))
        {
            headers.insert(RESPONSE_TIME, value);
        }
        !has_no_body(self.labels.method, status)
    }

    /// Measures the answer as a stream, from now on.
    pub(crate) fn begin_stream(&mut self) {
        self.flow = Some(Flow::begin(&self.config.engine, self.head.map(|it| it.after)));
    }

    /// Returns the answer to a request whose code panicked, if there is to be one.
    pub(crate) fn answer_panic<B>(&mut self) -> Option<Response<Content<B>>> {
        self.has_panicked = true;
        self.config.answers_panics.then(|| content::panic_response(&self.request_id))
    }
}

impl Ending for Box<Exchange> {
    fn end(mut self, span: &Span, bytes: u64, end: End) {
        let end = if self.has_panicked { End::Failed(Failure::Panic) } else { end };
        let status = self.head.map(|it| it.status);
        let outcome = outcome(status, end);
        let duration = self.request.end(outcome);
        let error_type = error_type(status.as_ref(), end, outcome);
        let request_bytes = self.request_bytes.as_ref().map_or(0, |it| it.load(Ordering::Relaxed));

        let values = [
            (catalog::HTTP_SERVER_DURATION, duration.get()),
            (catalog::HTTP_SERVER_REQUEST_BODY, request_bytes),
            (catalog::HTTP_SERVER_RESPONSE_BODY, bytes),
        ];
        self.record(error_type, &values);
        if let Some(flow) = self.flow.take() {
            let values = flow.end(Some(bytes), outcome);
            let labels = [self.endpoint.as_str()];
            self.config.engine.record(&catalog::STREAM_RESPONSE, &labels, values.as_slice());
        }
        span.record("outcome", outcome.as_str());
        if let Some(error_type) = error_type {
            span.record("error.type", error_type);
            span.record("otel.status_code", "ERROR");
        }
        if self.config.has_access_log {
            access_log::write(&Entry {
                method: self.labels.method,
                endpoint: self.endpoint.as_str(),
                status: status.map(|it| it.as_u16()),
                outcome: outcome.as_str(),
                error_type,
                duration,
                ttfb: self.head.map(|it| it.after),
                request_bytes,
                response_bytes: bytes,
                request_id: self.request_id.as_str(),
            });
        }
    }

    fn flow(&mut self) -> Option<&mut Flow> {
        self.flow.as_mut()
    }
}

impl Exchange {
    fn record(&self, error_type: Option<&str>, values: &[(usize, u64)]) {
        let Labels { method, scheme, version } = self.labels;
        let status = self.head.as_ref().map_or("", |it| it.status.as_str());
        let route = self.endpoint.route().unwrap_or_default();
        let labels = [method, scheme, status, route, error_type.unwrap_or_default(), version];
        self.config.engine.record(&catalog::HTTP_SERVER, &labels, values);
        self.config.engine.add(&catalog::HTTP_SERVER_ACTIVE, &[method, scheme], 0, -1);
    }
}

/// Returns what the request counts as. A client's error is not the server's.
fn outcome(status: Option<StatusCode>, end: End) -> Outcome {
    match end {
        End::Cancelled => Outcome::Cancelled,
        End::Failed(Failure::Panic) => Outcome::Panic,
        End::Failed(Failure::Timeout) => Outcome::Timeout,
        End::Failed(_) => Outcome::Error,
        End::Complete => match status {
            Some(StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT) => Outcome::Timeout,
            Some(status) if status.is_server_error() => Outcome::Error,
            _ => Outcome::Ok,
        },
    }
}

/// Returns the value of `error.type`: the status code if that says it, and nothing on success.
fn error_type(status: Option<&StatusCode>, end: End, outcome: Outcome) -> Option<&str> {
    match (status, end) {
        (Some(status), _) if status.is_server_error() => Some(status.as_str()),
        (_, End::Failed(failure)) => Some(failure.as_str()),
        _ => (outcome == Outcome::Timeout).then_some(Failure::Timeout.as_str()),
    }
}
