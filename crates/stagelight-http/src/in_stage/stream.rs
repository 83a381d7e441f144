//! A stream that is a stage.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use stagelight_core::Engine;

use super::{Content, StageEnding, StageSpan};
use crate::{
    end::End,
    failure::Failure,
    open::{self, Ending, Open},
};

/// Makes streams into stages.
///
/// For a type that is both a stream and a body, import only the trait that is meant.
pub trait StageStreamExt: Stream + Sized {
    /// Measures this stream as a stage: to its end or its drop.
    ///
    /// The stage is a span, or a name; see [`StageSpan`]. The stream is polled, and dropped, within the span. An item that is
    /// an error is an item like any other here; see [`try_in_stage`](Self::try_in_stage).
    ///
    /// In the stage `stream_processing`, its items are measured as a backend's chunks: `streaming.backend.*`, but for sizes and
    /// the times to the first byte and chunk, which nobody knows here.
    ///
    /// ```
    /// use stagelight_http::StageStreamExt;
    ///
    /// let numbers = futures_util::stream::iter([1, 2, 3]).in_stage("count");
    /// ```
    fn in_stage(self, stage: impl Into<StageSpan>) -> StageStream<Self> {
        StageStream::new(self, stage.into(), |_| None)
    }

    /// Measures this stream as a stage: to its first error, its end or its drop.
    ///
    /// An error counts as the stage's, with `error.type` `timeout` if a time limit is behind it and `stream` otherwise. Items
    /// after an error pass through, but are no longer measured.
    fn try_in_stage<T, E>(self, stage: impl Into<StageSpan>) -> StageStream<Self>
    where
        Self: Stream<Item = Result<T, E>>,
        E: 'static,
    {
        StageStream::new(self, stage.into(), |item| {
            item.as_ref().err().map(|error| Failure::of(error, Failure::Stream))
        })
    }
}

pin_project! {
    /// A stream that is a stage; made by [`StageStreamExt`].
    pub struct StageStream<S: Stream> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        stream: Option<S>,
        failure: fn(&S::Item) -> Option<Failure>,
        // `None` once it has ended, so that the span is let go.
        open: Option<Open<StageEnding>>,
    }

    impl<S: Stream> PinnedDrop for StageStream<S> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(open) = this.open {
                open.span.in_scope(|| this.stream.set(None));
            }
        }
    }
}

// === impl StageStreamExt ===

impl<S: Stream> StageStreamExt for S {}

// === impl StageStream ===

impl<S: Stream> StageStream<S> {
    fn new(stream: S, stage: StageSpan, failure: fn(&S::Item) -> Option<Failure>) -> Self {
        let open = StageEnding::open(stage, Content::Items);
        Self { stream: Some(stream), failure, open: Some(open) }
    }

    /// Measures it with this engine instead of the process'; see [`StageStreamExt::in_stage`].
    ///
    /// To be called before the stream is polled.
    #[must_use]
    pub fn with_engine(mut self, engine: &Engine) -> Self {
        self.open.iter_mut().for_each(|it| StageEnding::measure_with(it, engine));
        self
    }
}

impl<S: Stream> Stream for StageStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(stream) = this.stream.as_pin_mut() else { return Poll::Ready(None) };
        let Some(open) = this.open.as_mut() else { return stream.poll_next(cx) };

        let Open { span, ending, bytes } = open;
        let (polled, end) = span.in_scope(|| {
            let mut flow = ending.as_mut().and_then(Ending::flow);
            flow.iter_mut().for_each(|it| it.ask());
            let polled = catch_unwind(AssertUnwindSafe(|| stream.poll_next(cx)));
            let end = match &polled {
                Ok(Poll::Pending) => None,
                Ok(Poll::Ready(None)) => Some(End::Complete),
                Ok(Poll::Ready(Some(item))) => (this.failure)(item).map(End::Failed),
                Err(_) => Some(End::Failed(Failure::Panic)),
            };
            if let Ok(Poll::Ready(item)) = &polled {
                flow.iter_mut().for_each(|it| it.answer(item.is_some() && end.is_none()));
            }
            if let Some(end) = end {
                open::end(ending, span, *bytes, end);
            }
            (polled, end)
        });

        if end.is_some() {
            *this.open = None;
        }
        polled.unwrap_or_else(|payload| resume_unwind(payload))
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
