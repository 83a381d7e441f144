//! The content of a response: the handler's, or what a client gets when the handler panicked.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::request_id::RequestId;

pin_project! {
    /// What the handler answered, or a text in its place.
    #[derive(Debug)]
    #[project = ContentProj]
    pub(crate) enum Content<B> {
        Inner { #[pin] body: B },
        Text { text: Option<Bytes> },
    }
}

/// Makes a 500 that says no more than what the client needs to ask about it: the request's id.
pub(crate) fn panic_response<B>(request_id: &RequestId) -> Response<Content<B>> {
    // Nothing in an id needs escaping, see `RequestId`.
    let json = format!(r#"{{"error":"internal server error","request_id":"{request_id}"}}"#);
    let mut response = Response::new(Content::Text { text: Some(Bytes::from(json)) });
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

// === impl Content ===

impl<B> Body for Content<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project() {
            ContentProj::Inner { body } => body.poll_frame(cx),
            ContentProj::Text { text } => {
                Poll::Ready(text.take().map(|it| Ok(Frame::data(it.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Inner { body } => body.is_end_stream(),
            Self::Text { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Inner { body } => body.size_hint(),
            Self::Text { text } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}
