//! The state of each thread, for all layers and registries.

use std::cell::RefCell;

use crate::{callsite::CallsiteCache, entered::EnteredSpans};

/// One thread's state.
///
/// Aligned to two cache lines, which processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ThreadState {
    pub(crate) entered: EnteredSpans,
    pub(crate) callsites: CallsiteCache,
}

thread_local! {
    static THREAD: RefCell<ThreadState> = const {
        RefCell::new(ThreadState {
            entered: EnteredSpans::new(),
            callsites: CallsiteCache::new(),
        })
    };
}

/// Runs `f` with the calling thread's state. Returns `None` while the thread is torn down.
///
/// `f` must not run code that may call back, such as a field's `Debug`.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&mut ThreadState) -> R) -> Option<R> {
    THREAD.try_with(|thread| thread.try_borrow_mut().ok().map(|mut it| f(&mut it))).ok().flatten()
}
