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
    deadline,
    destination::Destination,
    outbox::Outbox,
    signal::Signal,
    span_queue::SpanQueue,
    supervisor::Worker,
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
    /// The batch in export, or remaining for a retry.
    pub(crate) outbox: Outbox<ExportTraceServiceRequest>,
}

// === impl SpanExport ===

impl Worker for SpanExport {
    const SIGNAL: Signal = Signal::Traces;

    async fn run(&mut self, commands: &mut mpsc::Receiver<Command>) {
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
                drop(self.drain(deadline::after(self.limits.timeout)).await);
                continue;
            };
            // The receiver is gone if the caller has timed out.
            drop(reply.send(self.drain(deadline).await));
            if is_shutdown {
                return;
            }
        }
    }

    fn recover(&mut self) {
        self.outbox.clear();
        self.counts.record_lost(self.queue.complete_all(), "panic");
    }
}

impl SpanExport {
    /// Exports batch by batch until the queue is empty, or a batch remains for a retry.
    async fn drain(&mut self, deadline: Instant) -> Result<(), FlushError> {
        let mut spans = 0;
        let mut last_error = None;
        loop {
            if self.outbox.is_empty() {
                let batch = self.queue.take_batch();
                if batch.is_empty() {
                    break;
                }
                self.outbox.push(self.request(batch));
            }
            let Self { outbox, queue, destination, counts, .. } = self;
            match outbox.send(destination, counts, deadline, |it| queue.complete(it)).await {
                Ok(None) => {}
                Ok(Some(lost)) => {
                    spans += lost.items;
                    last_error = Some(lost.error);
                }
                // The next batch would fail for the same reason.
                Err((lost, error)) => {
                    spans += lost.map_or(0, |it| it.items) + queue.pending();
                    return Err(FlushError { spans, error });
                }
            }
        }
        last_error.map_or(Ok(()), |error| Err(FlushError { spans, error }))
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
