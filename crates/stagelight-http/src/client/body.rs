//! The body of a response, watched to its last byte.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::ending::Stream;
use crate::{open::Open, watched::Watched};

pin_project! {
    /// A response's body, measured as the stage `stream_processing`; ends its call.
    ///
    /// Polls the inner body within the stage's span, and forwards its size hint and its end.
    #[derive(Debug)]
    pub struct MeasuredBody<B> {
        #[pin]
        inner: Watched<B, Stream>,
    }
}

// === impl MeasuredBody ===

impl<B: Body> MeasuredBody<B> {
    pub(crate) fn new(body: B, open: Open<Stream>) -> Self {
        Self { inner: Watched::new(body, None, Some(open)) }
    }
}

impl<B> Body for MeasuredBody<B>
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
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
