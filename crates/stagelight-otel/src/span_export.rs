//! Exports finished spans.

use std::{future::ready, sync::Arc};

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
    delivery::DeliveryError,
    destination::Destination,
    outbox::{Lost, Outbox},
    signal::Signal,
    span_queue::SpanQueue,
    supervisor::Worker,
    worker::{Command, FlushError},
};

/// The task that exports spans: one batch after each delay, and each batch as soon as it is full.
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
        // Whether the last batch was sent and another full one waits.
        let mut is_behind = false;
        loop {
            let command = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = ready(()), if is_behind => None,
                () = self.queue.full_batch() => None,
                () = sleep(self.limits.delay) => None,
            };
            let Some(Command { deadline, is_shutdown, reply }) = command else {
                // Errors are counted and logged where they occur.
                let sent = self.export_batch(deadline::after(self.limits.timeout)).await;
                is_behind = sent.is_ok() && self.queue.has_full_batch();
                continue;
            };
            // The receiver is gone if the caller has timed out.
            drop(reply.send(self.flush(deadline).await));
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
    /// Exports the spans that wait now, batch by batch, until a batch remains for a retry.
    ///
    /// Spans that end meanwhile do not prolong it: on a busy service there are always some.
    async fn flush(&mut self, deadline: Instant) -> Result<(), FlushError> {
        let queued = self.queue.queued();
        let mut spans = 0;
        let mut last_error = None;
        loop {
            let remaining = self.queue.pending_of(queued);
            if remaining == 0 {
                return last_error.map_or(Ok(()), |error| Err(FlushError { spans, error }));
            }
            if deadline <= Instant::now() {
                let error = last_error.unwrap_or(DeliveryError::NotAttempted);
                return Err(FlushError { spans: spans + remaining, error });
            }
            match self.export_batch(deadline).await {
                Ok(None) => {}
                Ok(Some(lost)) => {
                    spans += lost.items;
                    last_error = Some(lost.error);
                }
                // The next batch would fail for the same reason.
                Err((lost, error)) => {
                    spans += lost.map_or(0, |it| it.items) + self.queue.pending_of(queued);
                    return Err(FlushError { spans, error });
                }
            }
        }
    }

    /// Exports the batch that remains, or the next one.
    async fn export_batch(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<Lost>, (Option<Lost>, DeliveryError)> {
        if self.outbox.is_empty() {
            let batch = self.queue.take_batch();
            if batch.is_empty() {
                return Ok(None);
            }
            self.outbox.push(self.request(batch));
        }
        let Self { outbox, queue, destination, counts, .. } = self;
        outbox.send(destination, counts, deadline, |it| queue.complete(it)).await
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

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use bytes::Bytes;
    use opentelemetry::trace::TraceFlags;
    use opentelemetry_sdk::trace::SpanProcessor as _;
    use tokio::time::timeout;

    use super::*;
    use crate::{
        otlp_client::OtlpClient,
        span_queue::{QueueSpanProcessor, tests::span},
        transport::{ResponseFuture, Transport},
        worker::CommandSender,
    };

    /// A collector that accepts everything, in a service that ends a span during each of the first
    /// 100 exports.
    #[derive(Debug)]
    struct BusyService {
        queue: Arc<SpanQueue>,
        sent: Arc<AtomicUsize>,
    }

    // === impl BusyService ===

    impl Transport for BusyService {
        fn send(&self, _body: Bytes, _deadline: Instant) -> ResponseFuture<'_> {
            if self.sent.fetch_add(1, Relaxed) < 100 {
                end_span(&self.queue);
            }
            Box::pin(ready(Ok(Bytes::new())))
        }
    }

    fn end_span(queue: &Arc<SpanQueue>) {
        QueueSpanProcessor(Arc::clone(queue)).on_end(span("a", TraceFlags::SAMPLED));
    }

    /// Returns the exporter of a busy service with this many spans in batches of two, and the
    /// number of its exports.
    fn busy(spans: usize) -> (SpanExport, Arc<AtomicUsize>) {
        let limits =
            SpanLimits { batch: 2, delay: Duration::from_secs(3600), ..SpanLimits::default() };
        let queue = Arc::new(SpanQueue::new(limits.into()));
        (0..spans).for_each(|_| end_span(&queue));
        let sent = Arc::default();
        let client = OtlpClient::for_tests(BusyService {
            queue: Arc::clone(&queue),
            sent: Arc::clone(&sent),
        });
        let export = SpanExport {
            queue,
            destination: Arc::new(Destination::Otlp(Box::new(client))),
            counts: Arc::default(),
            resource: OtlpResource::default(),
            limits,
            outbox: Outbox::new(),
        };
        (export, sent)
    }

    #[tokio::test]
    async fn full_batches_are_exported_at_once_and_the_others_wait() {
        let (mut export, sent) = busy(5);
        let (_sender, mut commands) = CommandSender::new();
        timeout(Duration::from_millis(100), export.run(&mut commands)).await.unwrap_err();
        // Each export leaves one span more than it took: 4, 3, 2, 1.
        assert_eq!((sent.load(Relaxed), export.queue.pending()), (4, 1));
    }

    #[tokio::test]
    async fn a_flush_exports_the_spans_that_wait_at_its_start() {
        let (mut export, sent) = busy(3);
        export.flush(deadline::after(Duration::from_secs(10))).await.unwrap();
        assert_eq!((sent.load(Relaxed), export.queue.pending()), (2, 1));
    }

    #[tokio::test]
    async fn no_export_begins_after_the_deadline() {
        let (mut export, sent) = busy(3);
        let error = export.flush(Instant::now()).await.unwrap_err();
        assert_eq!((error.spans, error.error.kind(), sent.load(Relaxed)), (3, "timeout", 0));
    }
}
