//! The record of a call: the metric `http.client.request.duration`.

use std::sync::Arc;

use http::StatusCode;
use stagelight_core::{
    Engine, Ticks,
    catalog::{
        self,
        labels::{
            ErrorType, HttpRequestMethod, HttpResponseStatusCode, NetworkProtocolVersion,
            ServerAddress, ServerPort,
        },
    },
};
use tracing::Span;

use crate::{
    conventions::{has_no_body, record_error},
    end::OnEnd,
    grpc::GrpcHead,
    outcome::{EndReason, Side},
    stream_timer::{BackendStreamTimer, StreamTimer},
};

/// Records a call when it ends, with or without a response.
#[derive(Debug)]
pub(crate) struct CallRecord {
    pub(super) engine: Option<Engine>,
    pub(super) started: Ticks,
    pub(super) method: HttpRequestMethod,
    pub(super) address: Arc<str>,
    pub(super) port: Option<u16>,
    /// `None` before the response head.
    pub(super) status: Option<StatusCode>,
    /// `None` before the response head.
    pub(super) version: Option<NetworkProtocolVersion>,
    pub(super) grpc: GrpcHead,
    /// The timer of the response body, if it is a stream.
    pub(super) stream: Option<BackendStreamTimer>,
}

// === impl CallRecord ===

impl CallRecord {
    /// Starts the stream of the response now, at its head.
    pub(super) fn start_stream(&self) -> Option<StreamTimer> {
        let engine = self.engine.as_ref()?;
        Some(StreamTimer::start(engine, Some(engine.clock().since(self.started))))
    }

    /// Returns `true` if HTTP sends no body with the response.
    pub(super) fn has_no_body(&self) -> bool {
        self.status.is_some_and(|it| has_no_body(self.method, it))
    }

    /// Records the call, which ended with this `error.type`.
    pub(super) fn record(&self, error_type: Option<&str>) {
        let Some(engine) = &self.engine else { return };
        let status = self.status.as_ref();
        let port = self.port.map(|it| it.to_string());
        let labels = (
            self.method,
            ServerAddress::new(&self.address),
            port.as_deref().map(ServerPort::new),
            status.map(|it| HttpResponseStatusCode::new(it.as_str())),
            error_type.map(ErrorType::new),
            self.version,
        );
        let duration = engine.clock().since(self.started).get();
        let values = [catalog::HTTP_CLIENT_REQUEST_DURATION.value(duration)];
        engine.record(&catalog::HTTP_CLIENT, labels, &values);
    }
}

impl OnEnd for CallRecord {
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason) {
        let status = self.status;
        let call = status.map_or(reason, |it| self.grpc.reason(reason, self.method, it));
        let (_, error_type) = call.classify(Side::Client, status.as_ref());
        if let Some(stream) = self.stream.take() {
            stream.record(Some(bytes), call.outcome(Side::Client));
        }
        let is_head_error = self.grpc.error_type(Side::Client).is_some();
        let stage_error = match (status, reason) {
            (None, _) => error_type,
            // An error in the head was recorded on the fetch.
            (Some(_), EndReason::Complete) if is_head_error => None,
            (Some(_), _) => call.error_type(Side::Client),
        };
        if let Some(error_type) = stage_error {
            record_error(span, error_type);
        }
        self.record(error_type);
    }

    fn timer(&mut self) -> Option<&mut StreamTimer> {
        self.stream.as_mut().map(|it| &mut it.timer)
    }
}
