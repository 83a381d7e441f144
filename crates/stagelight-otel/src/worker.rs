//! Commands to the two background tasks that export spans and metrics.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::delivery::DeliveryError;

/// Extra time for the reply after the deadline: an export that times out at the deadline still has
/// to report so.
const REPLY_MARGIN: Duration = Duration::from_millis(50);

/// Requests an immediate export of everything pending.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) deadline: Instant,
    /// Whether the task ends afterwards.
    pub(crate) is_shutdown: bool,
    pub(crate) reply: oneshot::Sender<Result<(), FlushError>>,
}

/// A flush that did not deliver everything.
#[derive(Debug)]
pub(crate) struct FlushError {
    /// Spans that were not delivered; 0 for metrics.
    pub(crate) spans: usize,
    pub(crate) error: DeliveryError,
}

/// Sends commands to a background task.
#[derive(Clone, Debug)]
pub(crate) struct CommandSender(mpsc::Sender<Command>);

// === impl CommandSender ===

impl CommandSender {
    /// Creates a channel for up to 16 commands: concurrent flushes queue up.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, receiver) = mpsc::channel(16);
        (Self(sender), receiver)
    }

    /// Flushes and waits for the reply; returns `None` if there is none in time.
    pub(crate) async fn flush(
        &self,
        deadline: Instant,
        is_shutdown: bool,
    ) -> Option<Result<(), FlushError>> {
        let flush = async {
            let (reply, outcome) = oneshot::channel();
            self.0.send(Command { deadline, is_shutdown, reply }).await.ok()?;
            outcome.await.ok()
        };
        timeout_at(deadline + REPLY_MARGIN, flush).await.ok().flatten()
    }
}
