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
    worker::{Command, Loss},
};

/// The task that exports spans, every now and then and whenever a batch is full.
#[derive(Debug)]
pub(crate) struct SpanExport {
    pub(crate) queue: Arc<SpanQueue>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) counts: Arc<ExportCounts>,
    pub(crate) resource: OtlpResource,
    pub(crate) limits: SpanLimits,
}

/// What became of a batch that was not delivered.
enum Setback {
    /// It is back in the queue.
    PutBack(DeliveryError),
    /// So many of its spans are lost.
    Lost(usize, DeliveryError),
}

// === impl SpanExport ===

impl SpanExport {
    /// Runs until the last command, or until nobody can give one.
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
            let Some(Command { deadline, is_last, done }) = command else {
                // What is lost is counted and told where it happens.
                drop(self.drain(Instant::now() + self.limits.timeout).await);
                continue;
            };
            // Whoever asked may have stopped waiting.
            drop(done.send(self.drain(deadline).await));
            if is_last {
                return;
            }
        }
    }

    /// Exports batch by batch until the queue is empty or the collector cannot be reached.
    async fn drain(&self, deadline: Instant) -> Result<(), Loss> {
        let mut lost = 0;
        let mut failure = None;
        loop {
            let batch = self.queue.take();
            if batch.is_empty() {
                break;
            }
            match self.export(batch, deadline).await {
                Ok(()) => {}
                // The next batch would fare no better.
                Err(Setback::PutBack(error)) => {
                    return Err(Loss { spans: lost + self.queue.pending(), error });
                }
                Err(Setback::Lost(spans, error)) => {
                    lost += spans;
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), |error| Err(Loss { spans: lost, error }))
    }

    async fn export(&self, batch: Vec<SpanData>, deadline: Instant) -> Result<(), Setback> {
        let count = batch.len();
        let outcome = self.destination.spans(&self.request(batch.clone()), deadline).await;
        if outcome.as_ref().is_err_and(DeliveryError::is_transient) {
            self.queue.put_back(batch);
            return outcome.map_err(Setback::PutBack);
        }
        let lost = self.counts.count(u64::try_from(count).unwrap_or(u64::MAX), &outcome);
        self.queue.settle(count);
        outcome.map_err(|error| Setback::Lost(usize::try_from(lost).unwrap_or(count), error))
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
