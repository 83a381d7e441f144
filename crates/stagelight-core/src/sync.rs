//! What threads share, in one place, so that it can be taken from loom while a model is checked.
//!
//! With `--cfg stagelight_model` every schedule, and every value that a relaxed load may see, is tried; see `cargo xtask model`. Reference counts, thread-locals
//! and cells that are set once stay the standard library's: what depends on them is not modelled.

/// Numbers of the whole process, made when it is compiled, which loom's cannot be.
pub(crate) use std::sync::atomic::AtomicU64 as Serial;

#[cfg(not(stagelight_model))]
pub(crate) use {
    parking_lot::{Mutex, RwLock},
    std::sync::atomic,
};

#[cfg(stagelight_model)]
pub(crate) use {locks::Mutex, locks::RwLock, loom::sync::atomic};

/// loom's locks, with parking_lot's methods.
#[cfg(stagelight_model)]
mod locks {
    use std::sync::PoisonError;

    use loom::sync::{self, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
