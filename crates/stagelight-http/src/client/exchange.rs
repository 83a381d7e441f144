//! A call on its way, from sending to the last byte of the answer.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use http_body::Body;
use stagelight_core::{Engine, stage};
use tracing::{Span, field::Empty};

use super::{
    body::MeasuredBody,
    call::Call,
    ending::{Fetch, Record, Stream, is_error},
    target::Target,
};
use crate::{
    conventions::{method_label, version_label},
    end::End,
    failure::Failure,
    flow::{Flow, StageFlow},
    in_stage::record_error,
    last_byte,
    open::Open,
};

/// A request that was sent and is not answered yet: the stage `backend_fetch`.
///
/// Dropping it ends the call without a status; that is no error, as it was the caller's wish.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct Exchange {
    open: Open<Fetch>,
    call: Call,
    /// What was current when the call began: the parent of both stages.
    parent: Span,
}

/// A response whose head has arrived: the stage `stream_processing`.
///
/// Dropping it ends the call.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct Answer {
    open: Open<Stream>,
    flow: Option<Flow>,
}

// === impl Call ===

impl Call {
    /// Opens `backend_fetch` as a child of the current span, and writes its trace context to the headers.
    ///
    /// To be called just before the request is sent, which is best done within [`Exchange::span`].
    pub fn begin(&self, headers: &mut HeaderMap, method: &Method, uri: &Uri) -> Exchange {
        self.begin_at(headers, method, &Target::of(uri))
    }

    pub(crate) fn begin_at(
        &self,
        headers: &mut HeaderMap,
        method: &Method,
        target: &Target<'_>,
    ) -> Exchange {
        let exchange = Exchange::begin(self, method, target);
        if let Some(propagator) = self.engine.as_ref().and_then(Engine::propagator) {
            inject(headers, exchange.span(), propagator);
        }
        exchange
    }
}

fn inject(headers: &mut HeaderMap, span: &Span, propagator: &dyn stagelight_core::Propagator) {
    propagator.inject(span, &mut |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    });
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn begin(call: &Call, method: &Method, target: &Target<'_>) -> Self {
        let method = method_label(method);
        let parent = Span::current();
        let started = call.engine.as_ref().map(|it| it.clock().now()).unwrap_or_default();
        let span = tracing::info_span!(
            target: "stagelight",
            "backend_fetch",
            otel.kind = "client",
            otel.status_code = Empty,
            stage = stage::BACKEND_FETCH,
            provider = &*call.provider,
            model = &*call.model,
            http.request.method = method,
            http.response.status_code = Empty,
            url.full = %target,
            server.address = target.address,
            server.port = target.port,
            network.protocol.version = Empty,
            error.type = Empty,
        );
        let record = Record {
            engine: call.engine.clone(),
            started,
            method,
            address: target.address.into(),
            port: target.port,
            status: None,
            version: "",
        };
        Self { open: Open::new(span, Fetch(record)), call: call.clone(), parent }
    }

    /// Returns the span of `backend_fetch`, to send the request within.
    ///
    /// A clone of it that is kept past the response's head keeps the stage open.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.open.span
    }

    /// Ends `backend_fetch` with the response's head, and opens `stream_processing`.
    pub fn head(mut self, status: StatusCode, version: Version) -> Answer {
        let version = version_label(version);
        let span = &self.open.span;
        span.record("http.response.status_code", status.as_u16());
        span.record("network.protocol.version", version);
        if is_error(status) {
            record_error(span, status.as_str());
        }

        let mut record = self.open.ending.take().map(|Fetch(record)| record);
        if let Some(record) = &mut record {
            record.status = Some(status);
            record.version = version;
        }
        // The fetch ends before the stream begins, so that no instant is given to both.
        self.open.span = Span::none();
        let span = tracing::info_span!(
            target: "stagelight",
            parent: &self.parent,
            "stream_processing",
            otel.status_code = Empty,
            stage = stage::STREAM_PROCESSING,
            provider = &*self.call.provider,
            model = &*self.call.model,
            error.type = Empty,
        );
        let flow = record.as_ref().and_then(Record::begin_stream);
        let ending = record.map(|record| Stream { record, flow: None });
        Answer { open: Open { span, ending, bytes: 0 }, flow }
    }

    /// Ends the call without a response, for this reason.
    ///
    /// `error_type` becomes a label, so there must be few of them, such as `timeout` or `connect`.
    pub fn fail(mut self, error_type: &'static str) {
        let Some(Fetch(record)) = self.open.ending.take() else { return };
        let span = &self.open.span;
        span.in_scope(|| record_error(span, error_type));
        record.write(Some(error_type));
    }

    pub(crate) fn fail_with(mut self, failure: Failure) {
        self.open.end(End::Failed(failure));
    }
}

// === impl Answer ===

impl Answer {
    /// Measures `body` to its last byte, error or drop, which ends the call.
    ///
    /// A body whose size hint is exact ends with the last of those bytes, as nobody need poll it again.
    ///
    /// A body whose length is not known is measured as a stream: `streaming.backend.*`.
    pub fn body<B: Body>(mut self, body: B) -> MeasuredBody<B> {
        let Open { span, ending, .. } = &mut self.open;
        if last_byte::length(&body, None).is_none()
            && let Some(stream) = ending
        {
            stream.flow = self.flow.take().and_then(|it| StageFlow::of(it, span));
        }
        MeasuredBody::new(body, self.open)
    }
}
