//! The spans that a thread has entered.

use stagelight_core::{Ticks, layer_api::SpanKey};
use tracing::span::Id;

/// A span that the thread is in, or has just made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Which layer: two subscribers may be used on one thread, and their ids have nothing to do with each other.
    pub(crate) layer: u64,
    pub(crate) id: u64,
    /// [`SpanKey::NONE`] for a span outside any request: below it no stage belongs to the request around it.
    pub(crate) key: SpanKey,
    /// When the thread entered it; of a span just made, when that was.
    pub(crate) entered: Ticks,
    /// The thread is in the same span further out. As for the Registry, such a frame is nobody's parent.
    pub(crate) is_repeat: bool,
}

/// The spans that a thread is in, outermost first.
#[derive(Debug)]
pub(crate) struct Frames {
    stack: Vec<Frame>,
    /// The span made in the last callback, which is nearly always the next one to be entered.
    made: Option<Frame>,
}

// === impl Frames ===

impl Frames {
    pub(crate) const fn new() -> Self {
        Self { stack: Vec::new(), made: None }
    }

    /// Notes what the thread has just made; `None` for a span that is not to be recognised.
    #[inline]
    pub(crate) fn make(&mut self, frame: Option<Frame>) {
        self.made = frame;
    }

    /// Returns the frame of a span if making it was the thread's last callback.
    #[inline]
    pub(crate) fn take_made(&mut self, layer: u64, id: u64) -> Option<Frame> {
        self.made.take().filter(|it| it.id == id && it.layer == layer)
    }

    /// Notes that the thread enters a span.
    #[inline]
    pub(crate) fn push(&mut self, frame: Frame) {
        let is_repeat = self.stack.iter().any(|it| it.id == frame.id && it.layer == frame.layer);
        self.stack.push(Frame { is_repeat, ..frame });
    }

    /// Notes that the thread leaves a span. Returns its frame.
    #[inline]
    pub(crate) fn pop(&mut self, layer: u64, id: &Id) -> Option<Frame> {
        self.made = None;
        let id = id.into_u64();
        // Not always the last: guards may be dropped in any order.
        let at = self.stack.iter().rposition(|it| it.id == id && it.layer == layer)?;
        if at + 1 == self.stack.len() { self.stack.pop() } else { Some(self.stack.remove(at)) }
    }

    /// Returns the key of the innermost span that the thread is in.
    #[inline]
    pub(crate) fn current(&self, layer: u64) -> SpanKey {
        let innermost = self.stack.iter().rfind(|it| it.layer == layer && !it.is_repeat);
        innermost.map_or(SpanKey::NONE, |it| it.key)
    }
}
