//! Restarts background tasks that panic.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    thread,
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep};
use tracing::error;

use crate::{signal::Signal, worker::Command};

/// Pause before a restart, so that a task that always panics does not use a whole core.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// A background task that can be restarted.
pub(crate) trait Worker: Send {
    const SIGNAL: Signal;

    /// Runs until the shutdown command, or until all command senders are dropped.
    fn run(&mut self, commands: &mut mpsc::Receiver<Command>) -> impl Future<Output = ()> + Send;

    /// Discards and counts the items in export after `run` has panicked.
    fn recover(&mut self);
}

/// Runs a worker to its end, and restarts it after a panic.
///
/// A panic comes from a bug in this crate, or from code of the program that runs on the export
/// thread: a `tracing` layer that panics on this crate's log events.
pub(crate) async fn supervise<W: Worker>(mut worker: W, mut commands: mpsc::Receiver<Command>) {
    while let Err(panic) = catch_panic(worker.run(&mut commands)).await {
        worker.recover();
        report(W::SIGNAL, &*panic);
        sleep(RESTART_DELAY).await;
    }
}

async fn catch_panic(task: impl Future<Output = ()> + Send) -> thread::Result<()> {
    let mut task = pin!(task);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn report(signal: Signal, panic: &(dyn Any + Send)) {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("unknown");
    // The subscriber itself may have panicked.
    let log = || {
        error!(
            target: "stagelight", %signal, panic = message,
            "telemetry export panicked and is restarted; the data in export is lost"
        );
    };
    drop(catch_unwind(AssertUnwindSafe(log)));
}
