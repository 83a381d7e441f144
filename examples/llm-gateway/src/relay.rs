//! The provider's body on its way to the caller.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::tokens::TokenTap;

/// Passes a body on piece by piece, and shows each piece to a [`TokenTap`].
pub(crate) struct RelayBody<B> {
    inner: B,
    tokens: TokenTap,
}

// === impl RelayBody ===

impl<B> RelayBody<B> {
    pub(crate) fn new(inner: B, tokens: TokenTap) -> Self {
        Self { inner, tokens }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for RelayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.tokens.see(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    // Forwarded, or the response loses its `content-length`.
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
