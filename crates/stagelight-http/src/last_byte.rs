//! Tells when a body has been handed over in full.

use bytes::Buf;
use http_body::{Body, Frame};

use crate::{end::End, failure::Failure};

/// What is still to come of a body whose length is known.
///
/// A server or client that knows the length stops polling after the last byte and drops the body,
/// which must not look like a drop in the middle.
#[derive(Debug)]
pub(crate) struct LastByte {
    /// Bytes still to come, `None` if nobody knows.
    remaining: Option<u64>,
}

// === impl LastByte ===

impl LastByte {
    /// Looks at a body that was not polled yet; `content_length` is what its header says.
    pub(crate) fn of(body: &impl Body, content_length: Option<u64>) -> Self {
        Self { remaining: length(body, content_length) }
    }

    /// Returns whether the length is known and nothing of it is left.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.remaining == Some(0)
    }

    /// Looks at a frame that the body just returned, and says how the body ended if it did.
    ///
    /// `bytes` goes up by the frame's data; `is_end_stream` is the body's word after the frame.
    pub(crate) fn see<D: Buf, E: 'static>(
        &mut self,
        frame: Option<&Result<Frame<D>, E>>,
        is_end_stream: bool,
        bytes: &mut u64,
    ) -> Option<End> {
        let frame = match frame {
            None => return Some(End::Complete),
            Some(Err(error)) => return Some(End::Failed(Failure::of(error, Failure::Body))),
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, Buf::remaining) as u64;
        *bytes += length;
        self.remaining = self.remaining.map(|it| it.saturating_sub(length));

        // With an exact length nobody may poll again after this frame, and after trailers nothing
        // can follow: do not wait for the `None`.
        let is_last = frame.is_trailers() || is_end_stream || self.is_handed_over();
        is_last.then_some(End::Complete)
    }
}

/// Returns the length of a body that was not polled yet, if anybody knows it.
pub(crate) fn length(body: &impl Body, content_length: Option<u64>) -> Option<u64> {
    body.size_hint().exact().or(content_length)
}
