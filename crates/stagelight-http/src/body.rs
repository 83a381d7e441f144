//! The body of a response, watched to its last byte.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{content::Content, exchange::Exchange, last_byte, open::Open, watched::Watched};

pin_project! {
    /// The response's body: ends the request with its last byte, error, panic or drop.
    ///
    /// Polls the inner body within the request's span, and forwards its size hint and its end.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Watched<Content<B>, Box<Exchange>>,
    }
}

// === impl ResponseBody ===

impl<B> ResponseBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    pub(crate) fn new(
        content: Content<B>,
        headers: &HeaderMap,
        mut open: Option<Open<Box<Exchange>>>,
    ) -> Self {
        let content_length = content_length(headers);
        if is_stream(headers, last_byte::length(&content, content_length))
            && let Some(exchange) = open.as_mut().and_then(|it| it.ending.as_mut())
        {
            exchange.begin_stream();
        }
        Self { inner: Watched::new(content, content_length, open) }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns what the `content-length` header says; after that many bytes the server stops polling.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns whether a response is given out bit by bit, rather than in one piece.
///
/// gRPC's are left out: their length is never known, and most are one message.
fn is_stream(headers: &HeaderMap, length: Option<u64>) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], |it| it.as_bytes());
    let is = |prefix: &str| {
        let start = content_type.get(..prefix.len());
        start.is_some_and(|it| it.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    is("text/event-stream") || length.is_none() && !is("application/grpc")
}
