//! A future as a stage.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::stage_span::{Content, StageEnd, StageSpan};
use crate::{
    end::{EndGuard, Polled},
    failure::Failure,
    outcome::EndReason,
};

/// Measures futures as stages.
///
/// `#[stage]` does the same for a whole function.
pub trait StageFutureExt: Future + Sized {
    /// Measures this future as a stage, from this call to its completion or drop.
    ///
    /// The future is polled and dropped inside the stage's span. The stage opens when this is
    /// called, not at the first poll, and closes when the future is ready.
    ///
    /// ```
    /// use stagelight_http::StageFutureExt;
    ///
    /// # async fn load() -> u32 { 7 }
    /// # async fn handler() {
    /// let session = load().in_stage("load_session").await;
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it is ready ends the stage without an error. A `backend_fetch`
    /// ends with the `error.type` `cancelled`, because it got no response head.
    ///
    /// # Errors
    ///
    /// An `Err` is not an error of the stage; see [`try_in_stage`](Self::try_in_stage). A panic is,
    /// with the `error.type` `panic`, and is re-raised.
    ///
    /// # Cost
    ///
    /// One span. Per poll: entering the span. No allocation.
    fn in_stage(self, stage: impl Into<StageSpan>) -> StageFuture<Self> {
        StageFuture::new(self, stage.into(), |_| None)
    }

    /// Measures this future as a stage, and counts an `Err` as an error of the stage.
    ///
    /// Like [`in_stage`](Self::in_stage). The `error.type` is `timeout` if a time limit caused the
    /// error, else `_OTHER`.
    ///
    /// ```
    /// use stagelight_http::StageFutureExt;
    ///
    /// # async fn load() -> std::io::Result<u32> { Ok(7) }
    /// # async fn handler() -> std::io::Result<()> {
    /// let session = load().try_in_stage("load_session").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn try_in_stage<T, E>(self, stage: impl Into<StageSpan>) -> StageFuture<Self>
    where
        Self: Future<Output = Result<T, E>>,
        E: 'static,
    {
        StageFuture::new(self, stage.into(), |output| {
            output.as_ref().err().map(|error| Failure::classify(error, Failure::Other))
        })
    }
}

pin_project! {
    /// A future measured as a stage, created by [`StageFutureExt`].
    ///
    /// Do not poll it again after it is ready.
    #[must_use = "futures do nothing unless polled"]
    pub struct StageFuture<F: Future> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        future: Option<F>,
        failure: fn(&F::Output) -> Option<Failure>,
        // `None` once the end is recorded, so that the span closes.
        guard: Option<EndGuard<StageEnd>>,
    }

    impl<F: Future> PinnedDrop for StageFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(guard) = this.guard {
                guard.span.in_scope(|| this.future.set(None));
            }
        }
    }
}

// === impl StageFutureExt ===

impl<F: Future> StageFutureExt for F {}

// === impl StageFuture ===

impl<F: Future> StageFuture<F> {
    fn new(future: F, stage: StageSpan, failure: fn(&F::Output) -> Option<Failure>) -> Self {
        Self { future: Some(future), failure, guard: Some(stage.start(Content::Whole)) }
    }
}

impl<F: Future> Future for StageFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        EndGuard::poll(this.guard, |_| {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                return Polled { value: Poll::Pending, is_chunk: false, end: None };
            };
            let value = future.poll(cx);
            let end = match &value {
                Poll::Ready(output) => {
                    Some((this.failure)(output).map_or(EndReason::Complete, EndReason::Failed))
                }
                Poll::Pending => None,
            };
            // Spans that the future holds close before the stage does.
            if end.is_some() {
                this.future.set(None);
            }
            Polled { value, is_chunk: false, end }
        })
    }
}

impl<F: Future + fmt::Debug> fmt::Debug for StageFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageFuture").field("future", &self.future).finish_non_exhaustive()
    }
}
