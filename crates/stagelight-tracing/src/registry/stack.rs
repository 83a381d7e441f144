//! The spans that a thread has entered, of all registries.

use std::cell::RefCell;

use tracing::span::Id;

/// Spans that a thread may be in before its stack grows.
///
/// At 16 bytes each that is many cache lines, so the thread's neighbours in the heap share none that matters.
const ROOM: usize = 64;

/// The spans that the thread is in, outermost first.
///
/// Aligned to two cache lines, which processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stack(Vec<Entered>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entered {
    id: u64,
    registry: u32,
    /// The thread is in the same span further out. Such an entry is nobody's parent.
    is_repeat: bool,
    /// The span was closed while the thread was in it: its guard was leaked. Nobody's parent either.
    is_closed: bool,
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack(Vec::new())) };
}

/// Runs `f` with the thread's stack. `None` while the thread is being torn down.
#[inline]
pub(super) fn with<R>(f: impl FnOnce(&mut Stack) -> R) -> Option<R> {
    STACK.try_with(|stack| stack.try_borrow_mut().ok().map(|mut it| f(&mut it))).ok().flatten()
}

// === impl Stack ===

impl Stack {
    #[inline]
    pub(super) fn push(&mut self, registry: u32, id: &Id) {
        if self.0.capacity() == 0 {
            self.0.reserve(ROOM);
        }
        let id = id.into_u64();
        let is_repeat = self.0.iter().any(|it| it.id == id && it.registry == registry);
        self.0.push(Entered { id, registry, is_repeat, is_closed: false });
    }

    /// Removes the last entry of a span, wherever it is: guards may be dropped in any order.
    #[inline]
    pub(super) fn pop(&mut self, registry: u32, id: &Id) {
        let id = id.into_u64();
        let is_it = |it: &Entered| it.id == id && it.registry == registry;
        if self.0.last().is_some_and(is_it) {
            self.0.pop();
        } else if let Some(at) = self.0.iter().rposition(is_it) {
            self.0.remove(at);
        }
    }

    /// Notes that a span is closed, in case that the thread is still in it.
    #[inline]
    pub(super) fn close(&mut self, registry: u32, id: &Id) {
        let id = id.into_u64();
        for it in &mut self.0 {
            if it.id == id && it.registry == registry {
                it.is_closed = true;
            }
        }
    }

    /// Returns the innermost span, if it is not known to be closed.
    #[inline]
    pub(super) fn parent(&self, registry: u32) -> Option<Id> {
        self.innermost(registry).filter(|it| !it.is_closed).map(|it| Id::from_u64(it.id))
    }

    /// Returns the innermost span, which while it closes is still there for layers.
    #[inline]
    pub(super) fn current(&self, registry: u32) -> Option<Id> {
        self.innermost(registry).map(|it| Id::from_u64(it.id))
    }

    #[inline]
    fn innermost(&self, registry: u32) -> Option<&Entered> {
        self.0.iter().rfind(|it| it.registry == registry && !it.is_repeat)
    }
}
