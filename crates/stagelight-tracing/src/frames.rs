//! The spans that each thread has entered.

use std::cell::RefCell;

use stagelight_core::{SpanKey, Ticks};
use tracing::span::Id;

/// A span that the thread is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Which layer: two subscribers may be used on one thread, and their ids have nothing to do with each other.
    pub(crate) layer: u64,
    pub(crate) id: u64,
    /// [`SpanKey::NONE`] for a span outside any request: below it no stage belongs to the request around it.
    pub(crate) key: SpanKey,
    pub(crate) entered: Ticks,
}

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Notes that the thread enters a span.
#[inline]
pub(crate) fn push(frame: Frame) {
    with(|frames| frames.push(frame));
}

/// Notes that the thread leaves a span. Returns its frame, unless the thread is still in the same span further out.
#[inline]
pub(crate) fn pop(layer: u64, id: &Id) -> Option<Frame> {
    let id = id.into_u64();
    with(|frames| {
        let is_it = |it: &Frame| it.id == id && it.layer == layer;
        let frame = frames.remove(frames.iter().rposition(is_it)?);
        (!frames.iter().any(is_it)).then_some(frame)
    })
    .flatten()
}

/// Returns the key of the innermost span that the thread is in.
#[inline]
pub(crate) fn current(layer: u64) -> SpanKey {
    let innermost =
        |frames: &mut Vec<Frame>| frames.iter().rfind(|it| it.layer == layer).map(|it| it.key);
    with(innermost).flatten().unwrap_or_default()
}

/// Runs `f` with the thread's frames, unless the thread is being torn down.
#[inline]
fn with<R>(f: impl FnOnce(&mut Vec<Frame>) -> R) -> Option<R> {
    FRAMES.try_with(|frames| frames.try_borrow_mut().ok().map(|mut it| f(&mut it))).ok().flatten()
}
