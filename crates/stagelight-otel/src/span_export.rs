//! Exports finished spans.

use std::sync::Arc;

use opentelemetry_proto::{
    tonic::{
        collector::trace::v1::ExportTraceServiceRequest, resource::v1::Resource as OtlpResource,
        trace::v1::ResourceSpans,
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::trace::SpanData;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    config::SpanLimits,
    counts::ExportCounts,
    delivery::DeliveryError,
    destination::Destination,
    span_queue::SpanQueue,
    worker::{Command, FlushError},
};

/// The task that exports spans: after each delay, and as soon as a batch is full.
#[derive(Debug)]
pub(crate) struct SpanExport {
    pub(crate) queue: Arc<SpanQueue>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) resource: OtlpResource,
    pub(crate) limits: SpanLimits,
}

/// The outcome of exporting one batch.
enum BatchOutcome {
    Delivered,
    /// The batch is back in the queue, to be retried later.
    Requeued(DeliveryError),
    /// This many of its spans are lost.
    Lost(usize, DeliveryError),
}

// === impl SpanExport ===

impl SpanExport {
    /// Runs until the shutdown command, or until all command senders are dropped.
    pub(crate) async fn run(self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let command = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = sleep(self.limits.delay) => None,
                () = self.queue.full_batch() => None,
            };
            let Some(Command { deadline, is_shutdown, reply }) = command else {
                // Errors are counted and logged where they occur.
                drop(self.drain(Instant::now() + self.limits.timeout).await);
                continue;
            };
            // The receiver is gone if the caller has timed out.
            drop(reply.send(self.drain(deadline).await));
            if is_shutdown {
                return;
            }
        }
    }

    /// Exports batch by batch until the queue is empty or a batch is requeued.
    async fn drain(&self, deadline: Instant) -> Result<(), FlushError> {
        let mut lost = 0;
        let mut last_error = None;
        loop {
            let batch = self.queue.take_batch();
            if batch.is_empty() {
                break;
            }
            match self.export(batch, deadline).await {
                BatchOutcome::Delivered => {}
                // The next batch would fail for the same reason.
                BatchOutcome::Requeued(error) => {
                    return Err(FlushError { spans: lost + self.queue.pending(), error });
                }
                BatchOutcome::Lost(spans, error) => {
                    lost += spans;
                    last_error = Some(error);
                }
            }
        }
        last_error.map_or(Ok(()), |error| Err(FlushError { spans: lost, error }))
    }

    async fn export(&self, batch: Vec<SpanData>, deadline: Instant) -> BatchOutcome {
        let count = batch.len();
        let outcome = self.destination.export_spans(&self.request(batch.clone()), deadline).await;
        match outcome {
            Err(error) if error.is_transient() => {
                self.queue.requeue(batch);
                BatchOutcome::Requeued(error)
            }
            outcome => {
                let lost = self.counts.record(u64::try_from(count).unwrap_or(u64::MAX), &outcome);
                self.queue.complete(count);
                match outcome {
                    Ok(()) => BatchOutcome::Delivered,
                    Err(error) => BatchOutcome::Lost(usize::try_from(lost).unwrap_or(count), error),
                }
            }
        }
    }

    fn request(&self, batch: Vec<SpanData>) -> ExportTraceServiceRequest {
        let grouped =
            group_spans_by_resource_and_scope(batch, &ResourceAttributesWithSchema::default());
        let with_resource =
            |spans| ResourceSpans { resource: Some(self.resource.clone()), ..spans };
        ExportTraceServiceRequest {
            resource_spans: grouped.into_iter().map(with_resource).collect(),
        }
    }
}
