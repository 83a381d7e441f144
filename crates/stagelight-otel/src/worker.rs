//! What the two background tasks, for spans and for metrics, are asked to do.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::delivery::DeliveryError;

/// How much later than the deadline an answer may arrive: a delivery that is cut off at the deadline still has to say so.
const MARGIN: Duration = Duration::from_millis(50);

/// "Deliver what you have."
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) deadline: Instant,
    /// Whether it is the last one.
    pub(crate) is_last: bool,
    pub(crate) done: oneshot::Sender<Result<(), Loss>>,
}

/// What a delivery did not deliver.
#[derive(Debug)]
pub(crate) struct Loss {
    /// Spans that are gone; zero for metrics.
    pub(crate) spans: usize,
    pub(crate) error: DeliveryError,
}

/// The way to a background task.
#[derive(Clone, Debug)]
pub(crate) struct Commands(mpsc::Sender<Command>);

// === impl Commands ===

impl Commands {
    /// Makes a way that a few can wait on: a flush while another is under way waits for its turn.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, receiver) = mpsc::channel(16);
        (Self(sender), receiver)
    }

    /// Asks for a delivery and waits for its end; `None` if there was none in time.
    pub(crate) async fn ask(&self, deadline: Instant, is_last: bool) -> Option<Result<(), Loss>> {
        let asking = async {
            let (done, answer) = oneshot::channel();
            self.0.send(Command { deadline, is_last, done }).await.ok()?;
            answer.await.ok()
        };
        timeout_at(deadline + MARGIN, asking).await.ok().flatten()
    }
}
