//! Runs one thing on both registries.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use tracing::{Dispatch, dispatcher};

use crate::{log::Log, scenario};

/// Runs the scenario on `stack` built on each registry, and compares all that it wrote. Returns that.
///
/// The stack is written out twice, because layers are typed by what is below them.
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

/// Waits until no other test has a subscriber: what is enabled in a process depends on all of them.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scenario on a thread of its own: a filter's verdict that nothing used stays in its thread's memory.
pub(crate) fn run(dispatch: Dispatch, log: &Log) -> String {
    let work = || dispatcher::with_default(&dispatch, || scenario::run(log));
    thread::scope(|scope| scope.spawn(work).join().unwrap());
    drop(dispatch);
    log.text()
}
