//! A call up to its response head: the stage `backend_fetch`.

use std::sync::Arc;

use http::{Method, StatusCode, Version};
use stagelight_core::{Engine, stage};
use tracing::{Span, field::Empty};

use super::{body::ClientResponse, record::CallRecord, target::Target};
use crate::{
    conventions::{method_label, record_error, version_label},
    end::EndGuard,
    failure::Failure,
    grpc::GrpcHead,
    outcome::{EndReason, Side},
};

/// The labels of a backend.
#[derive(Clone, Debug)]
pub(crate) struct BackendLabels {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
}

/// A call that waits for its response head: the stage `backend_fetch`.
///
/// Created by [`Backend::start`](super::Backend::start). Dropping it ends the call with the
/// `error.type` `cancelled`.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct ClientRequest {
    guard: EndGuard<Box<CallRecord>>,
    labels: BackendLabels,
    /// The current span when the call started: the parent of both stages.
    parent: Span,
}

// === impl ClientRequest ===

impl ClientRequest {
    pub(crate) fn start(
        engine: Option<Engine>,
        labels: BackendLabels,
        method: &Method,
        target: &Target<'_>,
    ) -> Self {
        let method = method_label(method);
        let parent = Span::current();
        let started = engine.as_ref().map(|it| it.clock().now()).unwrap_or_default();
        let span = tracing::info_span!(
            target: "stagelight",
            "backend_fetch",
            otel.kind = "client",
            otel.status_code = Empty,
            stage = stage::BACKEND_FETCH,
            provider = &*labels.provider,
            model = &*labels.model,
            http.request.method = method.as_str(),
            http.response.status_code = Empty,
            url.full = target.address().map(|_| tracing::field::display(target)),
            server.address = target.address(),
            server.port = target.port,
            network.protocol.version = Empty,
            error.type = Empty,
        );
        let record = CallRecord {
            engine,
            started,
            method,
            address: target.address.into(),
            port: target.port,
            status: None,
            version: None,
            grpc: GrpcHead::default(),
            stream: None,
        };
        Self { guard: EndGuard::new(span, Box::new(record)), labels, parent }
    }

    /// Returns the span of `backend_fetch`, to send the request in.
    ///
    /// A clone that outlives the response head keeps the stage open.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.guard.span
    }

    /// Ends `backend_fetch` at the response head, and opens the stage `stream_processing`.
    ///
    /// Without the headers, a gRPC status is not recognized: use
    /// [`HttpClientLayer`](super::HttpClientLayer) for gRPC.
    pub fn response_head(self, status: StatusCode, version: Version) -> ClientResponse {
        self.response(status, version, GrpcHead::default())
    }

    /// Like [`response_head`](Self::response_head), with the headers.
    pub(crate) fn response(
        mut self,
        status: StatusCode,
        version: Version,
        grpc: GrpcHead,
    ) -> ClientResponse {
        let version = version_label(version);
        let span = &self.guard.span;
        span.record("http.response.status_code", status.as_u16());
        span.record("network.protocol.version", version.as_str());
        if Side::Client.is_error(status) {
            record_error(span, status.as_str());
        } else if let Some(error_type) = grpc.error_type(Side::Client) {
            record_error(span, error_type);
        }

        let mut record = self.guard.on_end.take();
        if let Some(record) = &mut record {
            record.status = Some(status);
            record.version = Some(version);
            record.grpc = grpc;
        }
        // The fetch closes before the stream opens, so that no instant belongs to both.
        self.guard.span = Span::none();
        let span = tracing::info_span!(
            target: "stagelight",
            parent: &self.parent,
            "stream_processing",
            otel.status_code = Empty,
            stage = stage::STREAM_PROCESSING,
            provider = &*self.labels.provider,
            model = &*self.labels.model,
            error.type = Empty,
        );
        ClientResponse::new(span, record)
    }

    /// Ends the call without a response.
    ///
    /// `error_type` becomes a label, so use a few fixed values, such as `timeout` or `connect`.
    pub fn fail(mut self, error_type: &'static str) {
        let Some(record) = self.guard.on_end.take() else { return };
        let span = &self.guard.span;
        span.in_scope(|| record_error(span, error_type));
        record.record(Some(error_type));
    }

    /// Ends the call without a response, because of this error of the client.
    pub(crate) fn fail_with<E: 'static>(mut self, error: &E) {
        self.guard.end(EndReason::Failed(Failure::classify_send(error)));
    }

    /// Replaces the body of the response by the measured one.
    #[cfg(feature = "reqwest")]
    pub(crate) fn reqwest_response(self, response: reqwest::Response) -> reqwest::Response {
        use reqwest::{Body, ResponseBuilderExt as _};

        let url = response.url().clone();
        let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
        let grpc = GrpcHead::from_headers(&parts.headers);
        let body = self.response(parts.status, parts.version, grpc).body(body);

        // reqwest reads the URL of a converted response from an extension that only this builder
        // can create.
        if let Some(extensions) = http::response::Builder::new().url(url).extensions_mut() {
            parts.extensions.extend(std::mem::take(extensions));
        }
        http::Response::from_parts(parts, Body::wrap(body)).into()
    }
}
