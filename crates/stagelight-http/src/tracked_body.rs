//! The body wrapper of this crate.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{
    end::{EndGuard, OnEnd, Polled},
    failure::Failure,
    grpc::GrpcStatus,
    outcome::EndReason,
};

pin_project! {
    /// A body measured to its last byte, error, panic or drop.
    ///
    /// [`HttpLayer`](crate::HttpLayer) returns it in responses,
    /// [`ClientResponse::body`](crate::client::ClientResponse::body) for the responses of backends,
    /// and [`StageBodyExt::in_stage`](crate::StageBodyExt::in_stage) for any body.
    ///
    /// Polls and drops the inner body inside the span of the measurement. Forwards frames, errors,
    /// `size_hint` and `is_end_stream` unchanged. The measurement ends as soon as the last byte is
    /// known to be handed over: after trailers, after a frame that leaves the body at its end, or
    /// after the last of a known number of bytes. Servers and clients may stop polling there.
    ///
    /// # Cost
    ///
    /// Per frame: entering the span, and for streams two clock reads. No allocation.
    pub struct TrackedBody<B: Body> {
        #[pin]
        content: Content<B>,
        end_of_body: EndOfBody,
        // `None` once the end is recorded, so that the span closes.
        guard: Option<EndGuard<Box<dyn OnEnd>>>,
    }

    impl<B: Body> PinnedDrop for TrackedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The inner body may hold spans of its own, which close before the measurement ends.
            if let Some(guard) = this.guard {
                guard.span.in_scope(|| this.content.set(Content::Dropped));
            }
        }
    }
}

pin_project! {
    /// The inner body, or the text that replaces it.
    #[project = ContentProj]
    pub(crate) enum Content<B: Body> {
        Inner { #[pin] body: B },
        Text { text: Option<Bytes>, into_data: fn(Bytes) -> B::Data },
        Dropped,
    }
}

/// Detects the last byte of a body.
///
/// A server or client that knows the length of a body stops polling after the last byte and drops
/// the body, which must not count as a cancellation.
#[derive(Debug)]
struct EndOfBody {
    /// Bytes after which the body is not polled again. `None` if the length is unknown.
    remaining: Option<u64>,
    /// The bytes that the peer of this body expects. A body with fewer is cut short.
    expected: u64,
}

// === impl TrackedBody ===

impl<B: Body> TrackedBody<B> {
    /// Wraps `content`. `content_length` is the value of the header, for a response with a body.
    ///
    /// With `has_trailers`, the body ends with its trailers and not with its last byte.
    ///
    /// The measurement of an empty body ends here, because such a body is never polled.
    pub(crate) fn new(
        content: Content<B>,
        content_length: Option<u64>,
        has_trailers: bool,
        mut guard: Option<EndGuard<Box<dyn OnEnd>>>,
    ) -> Self {
        let end_of_body = EndOfBody::new(&content, content_length, has_trailers);
        if content.is_end_stream() || end_of_body.is_reached() {
            guard.iter_mut().for_each(|it| it.end(end_of_body.reason(0)));
        }
        let guard = guard.filter(|it| it.on_end.is_some());
        Self { content, end_of_body, guard }
    }
}

impl<B> Body for TrackedBody<B>
where
    B: Body,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut content = this.content;
        EndGuard::poll(this.guard, |bytes| {
            let value = content.as_mut().poll_frame(cx);
            let before = *bytes;
            let end = match &value {
                Poll::Ready(frame) => {
                    this.end_of_body.observe(frame.as_ref(), content.is_end_stream(), bytes)
                }
                Poll::Pending => None,
            };
            Polled { value, is_chunk: before < *bytes, end }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    // Without it, the message loses its `content-length`.
    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for TrackedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = match &self.content {
            Content::Inner { body } => Some(body),
            Content::Text { .. } | Content::Dropped => None,
        };
        f.debug_struct("TrackedBody").field("body", &body).field("guard", &self.guard).finish()
    }
}

// === impl Content ===

impl<B: Body> Body for Content<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project() {
            ContentProj::Inner { body } => body.poll_frame(cx),
            ContentProj::Text { text, into_data } => {
                Poll::Ready(text.take().map(|it| Ok(Frame::data(into_data(it)))))
            }
            ContentProj::Dropped => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Inner { body } => body.is_end_stream(),
            Self::Text { text, .. } => text.is_none(),
            Self::Dropped => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Inner { body } => body.size_hint(),
            Self::Text { text, .. } => {
                SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64)
            }
            Self::Dropped => SizeHint::with_exact(0),
        }
    }
}

// === impl EndOfBody ===

impl EndOfBody {
    fn new(body: &impl Body, content_length: Option<u64>, has_trailers: bool) -> Self {
        let expected = content_length.or(body.size_hint().exact()).unwrap_or_default();
        let remaining = if has_trailers { None } else { body_length(body, content_length) };
        Self { remaining, expected }
    }

    /// Returns how a body without an error ended after `bytes`.
    fn reason(&self, bytes: u64) -> EndReason {
        if bytes < self.expected { EndReason::Failed(Failure::Body) } else { EndReason::Complete }
    }

    /// Returns `true` if the length is known and no byte is left.
    fn is_reached(&self) -> bool {
        self.remaining == Some(0)
    }

    /// Observes what the body returned, and returns how the body ended if it did.
    ///
    /// Adds the frame's data to `bytes`. `is_end_stream` is the body's state after the frame.
    fn observe<D: Buf, E: 'static>(
        &mut self,
        frame: Option<&Result<Frame<D>, E>>,
        is_end_stream: bool,
        bytes: &mut u64,
    ) -> Option<EndReason> {
        let frame = match frame {
            None => return Some(self.reason(*bytes)),
            Some(Err(error)) => {
                return Some(EndReason::Failed(Failure::classify(error, Failure::Body)));
            }
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, Buf::remaining) as u64;
        *bytes += length;
        self.remaining = self.remaining.map(|it| it.saturating_sub(length));

        // The body may not be polled again after the last of a known number of bytes, and nothing
        // follows trailers: do not wait for the `None`.
        let is_last = frame.is_trailers() || is_end_stream || self.is_reached();
        let reason = match frame.trailers_ref().and_then(GrpcStatus::from_headers) {
            Some(status) => EndReason::GrpcStatus(status),
            None => self.reason(*bytes),
        };
        is_last.then_some(reason)
    }
}

/// Returns the length of a body that was not polled yet, if it is known.
pub(crate) fn body_length(body: &impl Body, content_length: Option<u64>) -> Option<u64> {
    body.size_hint().exact().or(content_length)
}
