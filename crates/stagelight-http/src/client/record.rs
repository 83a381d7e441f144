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
    conventions::record_error,
    end::{EndReason, OnEnd},
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

    /// Records the call. `failure` counts unless there is an error status.
    pub(super) fn record(&self, failure: Option<&str>) {
        let Some(engine) = &self.engine else { return };
        let status = self.status.as_ref();
        let status_error = status.filter(|it| is_error(**it)).map(StatusCode::as_str);
        let port = self.port.map(|it| it.to_string());
        let labels = (
            self.method,
            ServerAddress::new(&self.address),
            port.as_deref().map(ServerPort::new),
            status.map(|it| HttpResponseStatusCode::new(it.as_str())),
            status_error.or(failure).map(ErrorType::new),
            self.version,
        );
        let duration = engine.clock().since(self.started).get();
        let values = [catalog::HTTP_CLIENT_REQUEST_DURATION.value(duration)];
        engine.record(&catalog::HTTP_CLIENT, labels, &values);
    }
}

impl OnEnd for CallRecord {
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason) {
        if let Some(stream) = self.stream.take() {
            stream.record(Some(bytes), reason.outcome());
        }
        let failure = match reason {
            EndReason::Failed(failure) => Some(failure.as_str()),
            EndReason::Complete | EndReason::Cancelled => None,
        };
        if let Some(failure) = failure {
            record_error(span, failure);
        }
        self.record(failure);
    }

    fn timer(&mut self) -> Option<&mut StreamTimer> {
        self.stream.as_mut().map(|it| &mut it.timer)
    }
}

/// Returns `true` for a status of 400 or above: an error to a client.
pub(super) fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
