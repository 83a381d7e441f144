//! Asks the background tasks to deliver, and tells what they could not.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    counts::ExportCounts,
    delivery::{DeliveryError, ShutdownError, Undelivered},
    destination::Destination,
    signal::Signal,
    span_queue::SpanQueue,
    worker::{Commands, Loss},
};

/// The background tasks.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    pub(super) spans: Option<SpanWorker>,
    pub(super) metrics: Option<MetricWorker>,
}

/// The task that exports spans.
#[derive(Clone, Debug)]
pub(super) struct SpanWorker {
    pub(super) commands: Commands,
    pub(super) queue: Arc<SpanQueue>,
    pub(super) counts: Arc<ExportCounts>,
    pub(super) destination: Arc<Destination>,
}

/// The task that exports metrics.
#[derive(Clone, Debug)]
pub(super) struct MetricWorker {
    pub(super) commands: Commands,
    pub(super) destination: Arc<Destination>,
}

// === impl Workers ===

impl Workers {
    /// Delivers what there is, both signals at the same time, so that one does not use up the other's time.
    pub(super) async fn finish(
        self,
        deadline: Instant,
        is_last: bool,
    ) -> Result<(), ShutdownError> {
        let spans = async {
            let worker = self.spans.as_ref()?;
            worker.finish(deadline, is_last).await
        };
        let metrics = async {
            let worker = self.metrics.as_ref()?;
            worker.finish(deadline, is_last).await
        };
        let (spans, metrics) = tokio::join!(spans, metrics);
        check(spans.into_iter().chain(metrics))
    }

    /// Tells what is not delivered when there is no time to ask.
    pub(super) fn undelivered(&self) -> Result<(), ShutdownError> {
        let spans = self.spans.as_ref().and_then(SpanWorker::unanswered);
        let metrics = self.metrics.as_ref().map(MetricWorker::unanswered);
        check(spans.into_iter().chain(metrics))
    }
}

fn check(undelivered: impl Iterator<Item = Undelivered>) -> Result<(), ShutdownError> {
    let undelivered: Vec<_> = undelivered.collect();
    if undelivered.is_empty() { Ok(()) } else { Err(ShutdownError { undelivered }) }
}

// === impl SpanWorker ===

impl SpanWorker {
    async fn finish(&self, deadline: Instant, is_last: bool) -> Option<Undelivered> {
        if is_last {
            self.queue.close();
            self.destination.hurry();
        }
        match self.commands.ask(deadline, is_last).await {
            Some(Ok(())) => None,
            Some(Err(Loss { spans, error })) => {
                Some(Undelivered { signal: Signal::Traces, spans, error })
            }
            None => self.unanswered(),
        }
    }

    fn unanswered(&self) -> Option<Undelivered> {
        let spans = self.queue.pending();
        let error = self.destination.last_error().unwrap_or(DeliveryError::NoTime);
        (0 < spans).then_some(Undelivered { signal: Signal::Traces, spans, error })
    }
}

// === impl MetricWorker ===

impl MetricWorker {
    async fn finish(&self, deadline: Instant, is_last: bool) -> Option<Undelivered> {
        if is_last {
            self.destination.hurry();
        }
        match self.commands.ask(deadline, is_last).await {
            Some(Ok(())) => None,
            Some(Err(Loss { spans, error })) => {
                Some(Undelivered { signal: Signal::Metrics, spans, error })
            }
            None => Some(self.unanswered()),
        }
    }

    fn unanswered(&self) -> Undelivered {
        let error = self.destination.last_error().unwrap_or(DeliveryError::NoTime);
        Undelivered { signal: Signal::Metrics, spans: 0, error }
    }
}
