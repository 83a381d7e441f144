//! Finished spans that wait for their export.
//!
//! The SDK's own batch processor waits on a thread that a slow collector holds, ignores the time limit for an export, and throws a
//! batch away when it fails. This one never blocks, keeps what failed while there is room, and counts every span.

use std::{
    mem,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A bounded queue between the threads that end spans and the task that exports them.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    waiting: Mutex<Waiting>,
    capacity: usize,
    batch: usize,
    /// Told when a batch is full.
    full_batch: Notify,
    queue_full: AtomicU64,
    after_shutdown: AtomicU64,
    settled: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: Vec<SpanData>,
    /// Spans that were taken out but may come back.
    in_flight: usize,
    is_closed: bool,
}

/// The SDK's way to a queue.
#[derive(Debug)]
pub(crate) struct QueueProcessor(pub(crate) std::sync::Arc<SpanQueue>);

// === impl SpanQueue ===

impl SpanQueue {
    pub(crate) fn new(capacity: usize, batch: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            capacity,
            batch,
            full_batch: Notify::new(),
            queue_full: AtomicU64::new(0),
            after_shutdown: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        }
    }

    /// Queues a span, or drops and counts it.
    ///
    /// # Cost
    ///
    /// One lock, held for a move; one wake-up of a thread for each full batch.
    fn push(&self, span: SpanData) {
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            self.after_shutdown.fetch_add(1, Relaxed);
            return;
        }
        if self.capacity <= waiting.spans.len() + waiting.in_flight {
            self.queue_full.fetch_add(1, Relaxed);
            return;
        }
        waiting.spans.push(span);
        let is_full_batch = waiting.spans.len() == self.batch;
        drop(waiting);
        if is_full_batch {
            self.full_batch.notify_one();
        }
    }

    /// Takes the oldest spans, one batch at most. They count as waiting until [`settle`](Self::settle) or
    /// [`put_back`](Self::put_back).
    pub(crate) fn take(&self) -> Vec<SpanData> {
        let mut waiting = self.waiting.lock();
        let count = self.batch.min(waiting.spans.len());
        let rest = waiting.spans.split_off(count);
        let batch = mem::replace(&mut waiting.spans, rest);
        waiting.in_flight += batch.len();
        batch
    }

    /// Says that spans which were taken are delivered, or lost for good.
    pub(crate) fn settle(&self, count: usize) {
        let mut waiting = self.waiting.lock();
        waiting.in_flight = waiting.in_flight.saturating_sub(count);
        drop(waiting);
        self.settled.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
    }

    /// Takes back a batch that could not be delivered now. There is room: its place was kept.
    pub(crate) fn put_back(&self, mut batch: Vec<SpanData>) {
        let mut waiting = self.waiting.lock();
        waiting.in_flight = waiting.in_flight.saturating_sub(batch.len());
        batch.append(&mut waiting.spans);
        waiting.spans = batch;
    }

    /// Takes no more spans from now on.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
    }

    /// Waits until a batch is full.
    pub(crate) async fn full_batch(&self) {
        self.full_batch.notified().await;
    }

    /// Returns how many spans are not delivered yet.
    pub(crate) fn pending(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.spans.len() + waiting.in_flight
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many spans were dropped because the queue was full.
    pub(crate) fn queue_full(&self) -> u64 {
        self.queue_full.load(Relaxed)
    }

    /// Returns how many spans were dropped because they ended after the shutdown.
    pub(crate) fn after_shutdown(&self) -> u64 {
        self.after_shutdown.load(Relaxed)
    }

    /// Returns how many spans are delivered, or lost for good; it never shrinks.
    pub(crate) fn settled(&self) -> u64 {
        self.settled.load(Relaxed)
    }
}

// === impl QueueProcessor ===

impl SpanProcessor for QueueProcessor {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.push(span);
        }
    }

    // The pipeline delivers the rest, within its own bound, before it shuts the provider down.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.0.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
