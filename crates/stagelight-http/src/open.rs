//! The guard that makes an end impossible to miss.

use std::thread;

use tracing::Span;

use crate::{end::End, failure::Failure, flow::Flow};

/// Something that is still going on, with the span that shows it.
///
/// It ends once: by [`Open::end`], or when it is dropped. The end happens inside the span, so that
/// events and exported traces see it, and the span's handle goes with it.
#[derive(Debug)]
pub(crate) struct Open<E: Ending> {
    pub(crate) span: Span,
    /// `None` once it has ended.
    pub(crate) ending: Option<E>,
    /// Bytes of the body that were handed over.
    pub(crate) bytes: u64,
}

/// What is to be done at the end.
pub(crate) trait Ending {
    /// Records the end, after `bytes` of the body. Called within `span`.
    fn end(self, span: &Span, bytes: u64, end: End);

    /// Returns what is to be told of each poll, if it is a stream.
    fn flow(&mut self) -> Option<&mut Flow>;
}

// === impl Open ===

impl<E: Ending> Open<E> {
    pub(crate) fn new(span: Span, ending: E) -> Self {
        Self { span, ending: Some(ending), bytes: 0 }
    }

    /// Ends it; later calls do nothing.
    pub(crate) fn end(&mut self, end: End) {
        let Self { span, ending, bytes } = self;
        if ending.is_some() {
            span.in_scope(|| self::end(ending, span, *bytes, end));
        }
    }
}

impl<E: Ending> Drop for Open<E> {
    fn drop(&mut self) {
        let end = if thread::panicking() { End::Failed(Failure::Panic) } else { End::Cancelled };
        self.end(end);
    }
}

/// Ends it from inside its span; later calls do nothing.
pub(crate) fn end<E: Ending>(ending: &mut Option<E>, span: &Span, bytes: u64, end: End) {
    let Some(ending) = ending.take() else { return };
    ending.end(span, bytes, end);
}
