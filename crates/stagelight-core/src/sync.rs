//! Locks and atomics that threads share, so that loom can replace them in the models.
//!
//! Unit tests built with `--cfg stagelight_model` use loom's types; `cargo xtask model`
//! runs them through all schedules and all values that a relaxed load may return. Reference
//! counts, thread-locals and set-once cells remain the standard library's and are not
//! modelled.

/// Counters of the whole process, which need a `const` constructor that loom's do not have.
pub(crate) use std::sync::atomic::AtomicU64 as Serial;

#[cfg(not(all(test, stagelight_model)))]
pub(crate) use {
    parking_lot::{Mutex, RwLock},
    std::sync::atomic,
};

#[cfg(all(test, stagelight_model))]
pub(crate) use {locks::Mutex, locks::RwLock, loom::sync::atomic};

/// loom's locks with parking_lot's methods.
#[cfg(all(test, stagelight_model))]
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
