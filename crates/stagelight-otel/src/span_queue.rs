//! Finished spans that wait for export.
//!
//! The SDK's batch processor blocks its thread on a slow collector, ignores the export's time
//! limit, and discards a failed batch. This one never blocks, keeps failed batches while there is
//! room, and counts every span.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
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
    state: Mutex<QueueState>,
    capacity: usize,
    batch_size: usize,
    /// Notified when a batch is full.
    full_batch: Notify,
    dropped_when_full: AtomicU64,
    dropped_after_shutdown: AtomicU64,
    completed: AtomicU64,
}

#[derive(Debug, Default)]
struct QueueState {
    spans: Vec<SpanData>,
    /// Spans that were taken out but may be requeued.
    in_flight: usize,
    is_closed: bool,
}

/// The SDK's span processor; adds sampled spans to a queue.
#[derive(Debug)]
pub(crate) struct QueueSpanProcessor(pub(crate) Arc<SpanQueue>);

// === impl SpanQueue ===

impl SpanQueue {
    pub(crate) fn new(capacity: usize, batch_size: usize) -> Self {
        Self {
            state: Mutex::default(),
            capacity,
            batch_size,
            full_batch: Notify::new(),
            dropped_when_full: AtomicU64::new(0),
            dropped_after_shutdown: AtomicU64::new(0),
            completed: AtomicU64::new(0),
        }
    }

    /// Queues a span, or drops and counts it.
    ///
    /// # Cost
    ///
    /// One lock, held for a move; one thread wake-up per full batch.
    fn push(&self, span: SpanData) {
        let mut state = self.state.lock();
        if state.is_closed {
            self.dropped_after_shutdown.fetch_add(1, Relaxed);
            return;
        }
        if self.capacity <= state.spans.len() + state.in_flight {
            self.dropped_when_full.fetch_add(1, Relaxed);
            return;
        }
        state.spans.push(span);
        let is_full_batch = state.spans.len() == self.batch_size;
        drop(state);
        if is_full_batch {
            self.full_batch.notify_one();
        }
    }

    /// Takes the oldest spans, at most one batch. They occupy the queue until
    /// [`complete`](Self::complete) or [`requeue`](Self::requeue).
    pub(crate) fn take_batch(&self) -> Vec<SpanData> {
        let mut state = self.state.lock();
        let count = self.batch_size.min(state.spans.len());
        let rest = state.spans.split_off(count);
        let batch = mem::replace(&mut state.spans, rest);
        state.in_flight += batch.len();
        batch
    }

    /// Frees the room of spans that are delivered or lost for good.
    pub(crate) fn complete(&self, count: usize) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(count);
        drop(state);
        self.completed.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
    }

    /// Puts an undelivered batch back at the front. Its room was kept.
    pub(crate) fn requeue(&self, mut batch: Vec<SpanData>) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(batch.len());
        batch.append(&mut state.spans);
        state.spans = batch;
    }

    /// Rejects all further spans.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
    }

    /// Waits until a batch is full.
    pub(crate) async fn full_batch(&self) {
        self.full_batch.notified().await;
    }

    /// Returns the number of spans not yet delivered.
    pub(crate) fn pending(&self) -> usize {
        let state = self.state.lock();
        state.spans.len() + state.in_flight
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the number of spans dropped because the queue was full.
    pub(crate) fn dropped_when_full(&self) -> u64 {
        self.dropped_when_full.load(Relaxed)
    }

    /// Returns the number of spans dropped because they ended after the shutdown.
    pub(crate) fn dropped_after_shutdown(&self) -> u64 {
        self.dropped_after_shutdown.load(Relaxed)
    }

    /// Returns the number of spans delivered or lost for good. It never decreases.
    pub(crate) fn completed(&self) -> u64 {
        self.completed.load(Relaxed)
    }
}

// === impl QueueSpanProcessor ===

impl SpanProcessor for QueueSpanProcessor {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.push(span);
        }
    }

    // The pipeline flushes within its own time limit, before it shuts the provider down.
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
