//! What each thread remembers.

use std::cell::RefCell;

use crate::{frames::Frames, site::Sites};

/// One thread's memory, of all layers.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) frames: Frames,
    pub(crate) sites: Sites,
}

thread_local! {
    static LOCAL: RefCell<Local> =
        const { RefCell::new(Local { frames: Frames::new(), sites: Sites::new() }) };
}

/// Runs `f` with the thread's memory. `None` while the thread is being torn down.
///
/// `f` must not run code of users (a field's `Debug`, say), which may come here again.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut it| f(&mut it))).ok().flatten()
}
