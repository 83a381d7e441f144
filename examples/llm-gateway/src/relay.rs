//! The provider's body on its way to the caller.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::tokens::TokenTap;

/// Passes a body on piece by piece, and shows each piece to a [`TokenTap`].
pub(crate) struct RelayBody {
    inner: reqwest::Body,
    tokens: TokenTap,
    // Until it is over, nothing is passed on.
    slow: Option<Pin<Box<Sleep>>>,
}

// === impl RelayBody ===

impl RelayBody {
    pub(crate) fn new(inner: reqwest::Body, tokens: TokenTap, slow: Option<Duration>) -> Self {
        Self { inner, tokens, slow: slow.map(|it| Box::pin(sleep(it))) }
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if let Some(slow) = &mut self.slow {
            ready!(slow.as_mut().poll(cx));
            self.slow = None;
        }
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
