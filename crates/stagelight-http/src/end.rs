//! The guard that records the end of a measurement exactly once.

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::Poll,
    thread,
};

use tracing::Span;

use crate::{failure::Failure, outcome::EndReason, stream_timer::StreamTimer};

/// Records the end of a measurement.
pub(crate) trait OnEnd: Debug + Send + Sync {
    /// Records the end after `bytes` of the body. Called once, inside `span`.
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason);

    /// Returns the timer to notify of each poll, if this is a stream.
    fn timer(&mut self) -> Option<&mut StreamTimer>;
}

/// A running measurement and its span.
///
/// Ends once: through [`end`](Self::end) or when dropped. `on_end` runs inside the span, so that
/// events and exported traces see it, and the guard holds the last handle of the span.
#[derive(Debug)]
pub(crate) struct EndGuard<E: OnEnd> {
    pub(crate) span: Span,
    /// `None` once the end is recorded.
    pub(crate) on_end: Option<E>,
    /// Bytes of the body that were handed over.
    pub(crate) bytes: u64,
}

/// The result of one poll, for [`EndGuard::poll`].
pub(crate) struct Polled<T> {
    pub(crate) value: Poll<T>,
    /// Whether `value` is a chunk of a stream.
    pub(crate) is_chunk: bool,
    /// Why this poll is the last one, if it is.
    pub(crate) end: Option<EndReason>,
}

// === impl OnEnd ===

impl<E: OnEnd + ?Sized> OnEnd for Box<E> {
    fn on_end(&mut self, span: &Span, bytes: u64, reason: EndReason) {
        (**self).on_end(span, bytes, reason);
    }

    fn timer(&mut self) -> Option<&mut StreamTimer> {
        (**self).timer()
    }
}

// === impl EndGuard ===

impl<E: OnEnd> EndGuard<E> {
    pub(crate) fn new(span: Span, on_end: E) -> Self {
        Self { span, on_end: Some(on_end), bytes: 0 }
    }

    /// Records the end inside the span. Later calls do nothing.
    pub(crate) fn end(&mut self, reason: EndReason) {
        let Self { span, on_end, bytes } = self;
        if on_end.is_some() {
            span.in_scope(|| finish(on_end, span, *bytes, reason));
        }
    }

    /// Replaces `on_end`, to change its type.
    pub(crate) fn map<T: OnEnd>(mut self, change: impl FnOnce(E) -> T) -> EndGuard<T> {
        let span = std::mem::replace(&mut self.span, Span::none());
        EndGuard { span, on_end: self.on_end.take().map(change), bytes: self.bytes }
    }

    /// Polls inside the span and notifies the timer.
    ///
    /// After the last poll, records the end and clears `guard`. Does the same after a panic, which
    /// it re-raises. `poll` adds the bytes that it hands over to its argument. Without a guard,
    /// only polls.
    pub(crate) fn poll<T>(
        guard: &mut Option<Self>,
        poll: impl FnOnce(&mut u64) -> Polled<T>,
    ) -> Poll<T> {
        let Some(Self { span, on_end, bytes }) = guard else { return poll(&mut 0).value };

        let (polled, end) = span.in_scope(|| {
            let mut timer = on_end.as_mut().and_then(OnEnd::timer);
            timer.iter_mut().for_each(|it| it.poll_started());
            let polled = catch_unwind(AssertUnwindSafe(|| poll(bytes)));
            let end = match &polled {
                Ok(polled) => {
                    if polled.value.is_ready() {
                        timer.iter_mut().for_each(|it| it.poll_ready(polled.is_chunk));
                    }
                    polled.end
                }
                Err(_) => Some(EndReason::Failed(Failure::Panic)),
            };
            if let Some(reason) = end {
                finish(on_end, span, *bytes, reason);
            }
            (polled, end)
        });

        if end.is_some() {
            *guard = None;
        }
        polled.unwrap_or_else(|payload| resume_unwind(payload)).value
    }
}

impl<E: OnEnd> Drop for EndGuard<E> {
    fn drop(&mut self) {
        self.end(if thread::panicking() {
            EndReason::Failed(Failure::Panic)
        } else {
            EndReason::Cancelled
        });
    }
}

/// Records the end from inside `span`. Later calls do nothing.
pub(crate) fn finish<E: OnEnd>(on_end: &mut Option<E>, span: &Span, bytes: u64, reason: EndReason) {
    let Some(mut on_end) = on_end.take() else { return };
    on_end.on_end(span, bytes, reason);
}
