//! The bodies of a service: request bodies are counted, response bodies are measured to their end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::request::ServerRequest;
use crate::{
    end::EndGuard,
    grpc::{has_content_type, is_grpc},
    tracked_body::{Content, TrackedBody, body_length},
};

pin_project! {
    /// The request body that the inner service receives.
    ///
    /// Counts the bytes read, for `http.server.request.body.size`. Forwards frames,
    /// errors, `size_hint` and `is_end_stream` unchanged.
    ///
    /// # Cost
    ///
    /// Per frame: one relaxed atomic addition.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        // Shared with `ServerRequest`, which may end before or after this body is dropped.
        bytes: Option<Arc<AtomicU64>>,
    }
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    pub(crate) fn new(inner: B, bytes: Option<Arc<AtomicU64>>) -> Self {
        Self { inner, bytes }
    }

    /// Returns the inner body. Bytes read from it afterwards are not counted.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(Ok(frame)), Some(bytes)) = (&frame, this.bytes) {
            let length = frame.data_ref().map_or(0, Buf::remaining) as u64;
            bytes.fetch_add(length, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Wraps the body of a response, which ends the request.
pub(crate) fn track<B: Body>(
    content: Content<B>,
    headers: &HeaderMap,
    mut guard: Option<EndGuard<Box<ServerRequest>>>,
) -> TrackedBody<B> {
    let content_length = content_length(headers);
    if is_stream(headers, body_length(&content, content_length))
        && let Some(request) = guard.as_mut().and_then(|it| it.on_end.as_mut())
    {
        request.start_stream();
    }
    TrackedBody::new(
        content,
        content_length,
        is_grpc(headers),
        guard.map(|guard| guard.map(|it| it as _)),
    )
}

/// Returns the `content-length` header. Servers stop polling a body after that many bytes.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns `true` for a response produced piece by piece.
///
/// Not for gRPC, where the length is never known and most responses are one message.
fn is_stream(headers: &HeaderMap, length: Option<u64>) -> bool {
    has_content_type(headers, "text/event-stream") || length.is_none() && !is_grpc(headers)
}
