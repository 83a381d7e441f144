//! What a call records when it ends.

use std::sync::Arc;

use http::StatusCode;
use stagelight_core::{Engine, Ticks, catalog};
use tracing::Span;

use crate::{
    end::End,
    flow::{Flow, StageFlow},
    in_stage::record_error,
    open::Ending,
};

/// The end of a call that got no response.
#[derive(Debug)]
pub(super) struct Fetch(pub(super) Record);

/// The end of a call that got one.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) record: Record,
    /// Its body, if that is a stream.
    pub(super) flow: Option<StageFlow>,
}

/// What `http.client.request.duration` is told.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) engine: Option<Engine>,
    pub(super) started: Ticks,
    pub(super) method: &'static str,
    pub(super) address: Arc<str>,
    pub(super) port: Option<u16>,
    pub(super) status: Option<StatusCode>,
    pub(super) version: &'static str,
}

// === impl Fetch ===

impl Ending for Fetch {
    fn end(self, span: &Span, _: u64, end: End) {
        self.0.end(span, end);
    }

    fn flow(&mut self) -> Option<&mut Flow> {
        None
    }
}

// === impl Stream ===

impl Ending for Stream {
    fn end(self, span: &Span, bytes: u64, end: End) {
        if let Some(flow) = self.flow {
            flow.end(Some(bytes), end);
        }
        self.record.end(span, end);
    }

    fn flow(&mut self) -> Option<&mut Flow> {
        self.flow.as_mut().map(|it| &mut it.flow)
    }
}

// === impl Record ===

impl Record {
    /// Begins the stream that answers the call, now.
    pub(super) fn begin_stream(&self) -> Option<Flow> {
        let engine = self.engine.as_ref()?;
        Some(Flow::begin(engine, Some(engine.clock().since(self.started))))
    }

    fn end(self, span: &Span, end: End) {
        let failure = match end {
            End::Failed(failure) => Some(failure.as_str()),
            End::Complete | End::Cancelled => None,
        };
        if let Some(failure) = failure {
            record_error(span, failure);
        }
        self.write(failure);
    }

    pub(super) fn write(&self, failure: Option<&str>) {
        let Some(engine) = &self.engine else { return };
        let status = self.status.as_ref();
        let status_error = status.filter(|it| is_error(**it)).map(StatusCode::as_str);
        let port = self.port.map(|it| it.to_string()).unwrap_or_default();
        let labels = [
            self.method,
            &self.address,
            &port,
            status.map_or("", StatusCode::as_str),
            status_error.or(failure).unwrap_or_default(),
            self.version,
        ];
        let duration = engine.clock().since(self.started);
        engine.record(&catalog::HTTP_CLIENT, &labels, &[(0, duration.get())]);
    }
}

/// To a client, a status is an error from 400 on.
pub(super) fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
