//! A body that is a stage.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use stagelight_core::Engine;

use super::{Content, StageEnding, StageSpan};
use crate::{last_byte, watched::Watched};

/// Makes bodies into stages.
pub trait StageBodyExt: Body + Sized {
    /// Measures this body as a stage: to its last frame, its error, or its drop.
    ///
    /// The stage is a span, or a name; see [`StageSpan`]. The body is polled, and dropped, within the span, so that an exported
    /// trace span is as long as the body. An error counts as the stage's, with `error.type` `timeout` if a time limit is
    /// behind it and `body` otherwise; a panic, with `panic`.
    ///
    /// A body in the stage `stream_processing` whose length nobody knows is measured as a stream too: `streaming.backend.*`, but
    /// for the times to the first byte and chunk, as nobody says here when it was asked for. [`Call`](crate::client::Call) does.
    ///
    /// ```
    /// use stagelight_http::{StageBodyExt, stage_span};
    ///
    /// # let body = http_body_util::Full::new(bytes::Bytes::from("text"));
    /// let body = body.in_stage(stage_span!("render", template = "index"));
    /// ```
    fn in_stage(self, stage: impl Into<StageSpan>) -> StageBody<Self> {
        let is_whole = last_byte::length(&self, None).is_some();
        let content = if is_whole { Content::Whole } else { Content::Bytes };
        let open = StageEnding::open(stage.into(), content);
        StageBody { inner: Watched::new(self, None, Some(open)) }
    }
}

pin_project! {
    /// A body that is a stage; made by [`StageBodyExt::in_stage`].
    #[derive(Debug)]
    pub struct StageBody<B> {
        #[pin]
        inner: Watched<B, StageEnding>,
    }
}

// === impl StageBodyExt ===

impl<B: Body> StageBodyExt for B {}

// === impl StageBody ===

impl<B: Body> StageBody<B> {
    /// Measures a stream with this engine instead of the process'; see [`StageBodyExt::in_stage`].
    ///
    /// To be called before the body is polled.
    #[must_use]
    pub fn with_engine(mut self, engine: &Engine) -> Self {
        self.inner.open_mut().iter_mut().for_each(|it| StageEnding::measure_with(it, engine));
        self
    }
}

impl<B> Body for StageBody<B>
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
