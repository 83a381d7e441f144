//! A stream as a stage.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::stage_span::{Content, StageEnd, StageSpan};
use crate::{
    end::{EndGuard, Polled},
    failure::Failure,
    outcome::EndReason,
};

/// Measures streams as stages.
///
/// For a type that is also a body, import only the trait you mean.
pub trait StageStreamExt: Stream + Sized {
    /// Measures this stream as a stage, to its end or drop.
    ///
    /// The stream is polled and dropped inside the stage's span. In the stage `stream_processing`,
    /// its items are measured as the chunks of a backend: `streaming.backend.*`, without sizes and
    /// the times to the first byte and chunk, which are not known here.
    ///
    /// ```
    /// use stagelight_http::StageStreamExt;
    ///
    /// let numbers = futures_util::stream::iter([1, 2, 3]).in_stage("count");
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the stream before its end ends the stage without an error.
    ///
    /// # Errors
    ///
    /// Error items are not errors of the stage; see [`try_in_stage`](Self::try_in_stage).
    /// A panic is, with the `error.type` `panic`, and is re-raised.
    ///
    /// # Cost
    ///
    /// One span. Per item: entering the span, and in `stream_processing` two clock reads.
    fn in_stage(self, stage: impl Into<StageSpan>) -> StageStream<Self> {
        StageStream::new(self, stage.into(), |_| None)
    }

    /// Measures this stream as a stage, to its first error, end or drop.
    ///
    /// Like [`in_stage`](Self::in_stage), and an `Err` is an error of the stage, with the
    /// `error.type` `timeout` if a time limit caused it, else `stream`. Items after an error are
    /// passed on, but not measured.
    ///
    /// ```
    /// use stagelight_http::StageStreamExt;
    ///
    /// let rows = [Ok(1), Err(std::io::ErrorKind::TimedOut)];
    /// let rows = futures_util::stream::iter(rows).try_in_stage("read_rows");
    /// ```
    fn try_in_stage<T, E>(self, stage: impl Into<StageSpan>) -> StageStream<Self>
    where
        Self: Stream<Item = Result<T, E>>,
        E: 'static,
    {
        StageStream::new(self, stage.into(), |item| {
            item.as_ref().err().map(|error| Failure::classify(error, Failure::Stream))
        })
    }
}

pin_project! {
    /// A stream measured as a stage, created by [`StageStreamExt`].
    pub struct StageStream<S: Stream> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        stream: Option<S>,
        failure: fn(&S::Item) -> Option<Failure>,
        // `None` once the end is recorded, so that the span closes.
        guard: Option<EndGuard<StageEnd>>,
    }

    impl<S: Stream> PinnedDrop for StageStream<S> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(guard) = this.guard {
                guard.span.in_scope(|| this.stream.set(None));
            }
        }
    }
}

// === impl StageStreamExt ===

impl<S: Stream> StageStreamExt for S {}

// === impl StageStream ===

impl<S: Stream> StageStream<S> {
    fn new(stream: S, stage: StageSpan, failure: fn(&S::Item) -> Option<Failure>) -> Self {
        let guard = stage.start(Content::Items);
        Self { stream: Some(stream), failure, guard: Some(guard) }
    }
}

impl<S: Stream> Stream for StageStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        EndGuard::poll(this.guard, |_| {
            let value = stream.poll_next(cx);
            let end = match &value {
                Poll::Ready(Some(item)) => (this.failure)(item).map(EndReason::Failed),
                Poll::Ready(None) => Some(EndReason::Complete),
                Poll::Pending => None,
            };
            Polled { value, is_chunk: end.is_none(), end }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for StageStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}
