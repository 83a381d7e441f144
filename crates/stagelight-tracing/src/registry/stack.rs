//! The spans that a thread has entered, of all registries.

use std::cell::RefCell;

use tracing::span::Id;

/// Spans that a thread may be in before its stack grows.
///
/// At 24 bytes each that is many cache lines, so the thread's neighbours in the heap share none that matters.
const ROOM: usize = 64;

/// The spans that the thread is in, outermost first.
///
/// Aligned to two cache lines, which processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stack(Vec<Entered>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entered {
    registry: u64,
    id: u64,
    /// The thread is in the same span further out. Such an entry is nobody's parent.
    is_repeat: bool,
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
    pub(super) fn push(&mut self, registry: u64, id: &Id) {
        if self.0.capacity() == 0 {
            self.0.reserve(ROOM);
        }
        let id = id.into_u64();
        let is_repeat = self.0.iter().any(|it| it.id == id && it.registry == registry);
        self.0.push(Entered { registry, id, is_repeat });
    }

    /// Removes the last entry of a span, wherever it is: guards may be dropped in any order.
    #[inline]
    pub(super) fn pop(&mut self, registry: u64, id: &Id) {
        let id = id.into_u64();
        if let Some(at) = self.0.iter().rposition(|it| it.id == id && it.registry == registry) {
            self.0.remove(at);
        }
    }

    /// Returns the innermost span.
    #[inline]
    pub(super) fn current(&self, registry: u64) -> Option<Id> {
        let innermost = self.0.iter().rfind(|it| it.registry == registry && !it.is_repeat)?;
        Some(Id::from_u64(innermost.id))
    }
}
