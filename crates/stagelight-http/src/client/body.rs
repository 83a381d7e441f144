//! A call from its response head to the last byte of the body: the stage `stream_processing`.

use http_body::Body;
use tracing::Span;

use super::record::CallRecord;
use crate::{
    end::EndGuard,
    stream_timer::{BackendStreamTimer, StreamTimer},
    tracked_body::{Content, TrackedBody, body_length},
};

/// A call after its response head: the stage `stream_processing`.
///
/// Created by [`ClientRequest::response_head`](super::ClientRequest::response_head). Dropping it
/// ends the call.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct ClientResponse {
    guard: EndGuard<Box<CallRecord>>,
    timer: Option<StreamTimer>,
}

// === impl ClientResponse ===

impl ClientResponse {
    pub(crate) fn new(span: Span, record: Option<Box<CallRecord>>) -> Self {
        let timer = record.as_ref().and_then(|it| it.start_stream());
        Self { guard: EndGuard { span, on_end: record, bytes: 0 }, timer }
    }

    /// Measures `body` to its last byte, error or drop, which ends the call.
    ///
    /// A body with an exact size hint ends with its last byte, because it may not be polled again.
    /// A body of unknown length is also measured as a stream: `streaming.backend.*`.
    pub fn body<B: Body>(mut self, body: B) -> TrackedBody<B> {
        let EndGuard { span, on_end, .. } = &mut self.guard;
        if body_length(&body, None).is_none()
            && let Some(record) = on_end
        {
            let timer = self.timer.take();
            record.stream = timer.and_then(|it| BackendStreamTimer::for_span(it, span));
        }
        let has_trailers = on_end.as_ref().is_some_and(|it| it.grpc.is_grpc);
        // The response to `HEAD` has the length of a body, and no body.
        let content_length = on_end.as_ref().is_some_and(|it| it.has_no_body()).then_some(0);
        let guard = Some(self.guard.map(|it| it as _));
        TrackedBody::new(Content::Inner { body }, content_length, has_trailers, guard)
    }
}
