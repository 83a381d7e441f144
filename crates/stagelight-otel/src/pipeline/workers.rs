//! Flushes the background tasks and reports what they could not deliver.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    counts::ExportCounts,
    delivery::{DeliveryError, ShutdownError, Undelivered},
    destination::Destination,
    signal::Signal,
    span_queue::SpanQueue,
    worker::{CommandSender, FlushError},
};

/// Handles of the background tasks.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    pub(super) spans: Option<SpanWorker>,
    pub(super) metrics: Option<MetricWorker>,
}

/// Handle of the task that exports spans.
#[derive(Clone, Debug)]
pub(super) struct SpanWorker {
    pub(super) commands: CommandSender,
    pub(super) queue: Arc<SpanQueue>,
    pub(super) counts: Arc<ExportCounts>,
    pub(super) destination: Arc<Destination>,
}

/// Handle of the task that exports metrics.
#[derive(Clone, Debug)]
pub(super) struct MetricWorker {
    pub(super) commands: CommandSender,
    pub(super) destination: Arc<Destination>,
}

// === impl Workers ===

impl Workers {
    /// Flushes both signals concurrently, so that neither uses up the other's time.
    pub(super) async fn flush(
        self,
        deadline: Instant,
        is_shutdown: bool,
    ) -> Result<(), ShutdownError> {
        let spans = async { self.spans.as_ref()?.flush(deadline, is_shutdown).await };
        let metrics = async { self.metrics.as_ref()?.flush(deadline, is_shutdown).await };
        let (spans, metrics) = tokio::join!(spans, metrics);
        result(spans.into_iter().chain(metrics))
    }

    /// Returns what is undelivered if a flush did not reply.
    pub(super) fn without_reply(&self) -> Result<(), ShutdownError> {
        let spans = self.spans.as_ref().and_then(SpanWorker::without_reply);
        let metrics = self.metrics.as_ref().map(MetricWorker::without_reply);
        result(spans.into_iter().chain(metrics))
    }
}

fn result(undelivered: impl Iterator<Item = Undelivered>) -> Result<(), ShutdownError> {
    let undelivered: Vec<_> = undelivered.collect();
    if undelivered.is_empty() { Ok(()) } else { Err(ShutdownError { undelivered }) }
}

// === impl SpanWorker ===

impl SpanWorker {
    async fn flush(&self, deadline: Instant, is_shutdown: bool) -> Option<Undelivered> {
        if is_shutdown {
            self.queue.close();
            self.destination.begin_shutdown();
        }
        match self.commands.flush(deadline, is_shutdown).await {
            Some(Ok(())) => None,
            Some(Err(FlushError { spans, error })) => {
                Some(Undelivered { signal: Signal::Traces, spans, error })
            }
            None => self.without_reply(),
        }
    }

    fn without_reply(&self) -> Option<Undelivered> {
        let spans = self.queue.pending();
        let error = self.destination.last_error().unwrap_or(DeliveryError::NotAttempted);
        (0 < spans).then_some(Undelivered { signal: Signal::Traces, spans, error })
    }
}

// === impl MetricWorker ===

impl MetricWorker {
    async fn flush(&self, deadline: Instant, is_shutdown: bool) -> Option<Undelivered> {
        if is_shutdown {
            self.destination.begin_shutdown();
        }
        match self.commands.flush(deadline, is_shutdown).await {
            Some(Ok(())) => None,
            Some(Err(FlushError { spans, error })) => {
                Some(Undelivered { signal: Signal::Metrics, spans, error })
            }
            None => Some(self.without_reply()),
        }
    }

    fn without_reply(&self) -> Undelivered {
        let error = self.destination.last_error().unwrap_or(DeliveryError::NotAttempted);
        Undelivered { signal: Signal::Metrics, spans: 0, error }
    }
}
