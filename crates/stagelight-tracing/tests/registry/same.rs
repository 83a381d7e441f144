//! Runs the same on both registries.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use tracing::{Dispatch, dispatcher};

use crate::{log::Log, scenario};

/// Runs the scenario with the stack on each registry, compares the logs, and returns them.
///
/// A macro, because the type of the stack depends on the registry below it.
macro_rules! same {
    (|$registry:ident, $log:ident| $stack:expr) => {{
        let _alone = crate::same::alone();
        let plain = {
            let ($registry, $log) = (tracing_subscriber::registry(), crate::log::Log::default());
            crate::same::run(tracing::Dispatch::new($stack), &$log)
        };
        let ours = {
            let ($registry, $log) = (stagelight_tracing::registry(), crate::log::Log::default());
            crate::same::run(tracing::Dispatch::new($stack), &$log)
        };
        assert_eq!(ours, plain);
        plain
    }};
}

pub(crate) use same;

/// Waits until no other test has a subscriber, because all of them affect which callsites are
/// enabled.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scenario on a new thread, because an unused filter result remains in the thread's
/// state.
pub(crate) fn run(dispatch: Dispatch, log: &Log) -> String {
    let work = || dispatcher::with_default(&dispatch, || scenario::run(log));
    thread::scope(|scope| scope.spawn(work).join().unwrap());
    drop(dispatch);
    log.text()
}
