//! Finished spans that wait for export.
//!
//! The SDK's batch processor blocks its thread on a slow collector, ignores the export's time
//! limit, and discards a failed batch. This one never blocks, keeps failed batches while there is
//! room, and counts every span.

use std::{
    collections::VecDeque,
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

use crate::{bounded_span::bound, config::SpanLimits, outbox::MAX_REQUEST_BYTES};

/// Maximum memory of waiting spans. 2048 spans of an HTTP service take about 3 MiB.
const MAX_QUEUE_BYTES: usize = 32 << 20;

/// A bounded queue between the threads that end spans and the task that exports them.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    state: Mutex<QueueState>,
    limits: QueueLimits,
    /// Notified when a batch is full.
    full_batch: Notify,
    dropped_when_full: AtomicU64,
    dropped_at_bytes: AtomicU64,
    dropped_after_shutdown: AtomicU64,
    completed: AtomicU64,
}

/// The bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Maximum number of spans, including those in flight.
    pub(crate) spans: usize,
    /// Maximum memory of the spans, including those in flight.
    pub(crate) bytes: usize,
    /// Maximum number of spans in a batch.
    pub(crate) batch: usize,
    /// Maximum length of a string in a span, in characters.
    pub(crate) value_chars: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Each with its memory in bytes.
    spans: VecDeque<(SpanData, usize)>,
    /// Memory of `spans` in bytes.
    bytes: usize,
    /// Spans that were taken out and are not yet delivered or lost.
    in_flight: usize,
    /// Memory of those in bytes.
    in_flight_bytes: usize,
    is_closed: bool,
}

/// The SDK's span processor; adds sampled spans to a queue.
#[derive(Debug)]
pub(crate) struct QueueSpanProcessor(pub(crate) Arc<SpanQueue>);

// === impl QueueLimits ===

impl From<SpanLimits> for QueueLimits {
    fn from(limits: SpanLimits) -> Self {
        let SpanLimits { queue, batch, value_length, .. } = limits;
        Self { spans: queue, bytes: MAX_QUEUE_BYTES, batch, value_chars: value_length }
    }
}

// === impl SpanQueue ===

impl SpanQueue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            state: Mutex::default(),
            limits,
            full_batch: Notify::new(),
            dropped_when_full: AtomicU64::new(0),
            dropped_at_bytes: AtomicU64::new(0),
            dropped_after_shutdown: AtomicU64::new(0),
            completed: AtomicU64::new(0),
        }
    }

    /// Truncates long strings and queues the span, or drops and counts it.
    ///
    /// # Cost
    ///
    /// A look at each attribute; one lock, held for a move; one thread wake-up per full batch.
    fn push(&self, mut span: SpanData) {
        let bytes = bound(&mut span, self.limits.value_chars);
        let mut state = self.state.lock();
        if state.is_closed {
            self.dropped_after_shutdown.fetch_add(1, Relaxed);
            return;
        }
        if self.limits.spans <= state.spans.len() + state.in_flight {
            self.dropped_when_full.fetch_add(1, Relaxed);
            return;
        }
        if self.limits.bytes < state.bytes + state.in_flight_bytes + bytes {
            self.dropped_at_bytes.fetch_add(1, Relaxed);
            return;
        }
        let was_full = self.is_full_batch(&state);
        state.spans.push_back((span, bytes));
        state.bytes += bytes;
        let is_full = !was_full && self.is_full_batch(&state);
        drop(state);
        if is_full {
            self.full_batch.notify_one();
        }
    }

    fn is_full_batch(&self, state: &QueueState) -> bool {
        self.limits.batch <= state.spans.len() || MAX_REQUEST_BYTES <= state.bytes
    }

    /// Takes the oldest spans, at most one batch and about 1 MiB, but at least one span. They
    /// occupy the queue until [`complete`](Self::complete).
    pub(crate) fn take_batch(&self) -> Vec<SpanData> {
        let mut state = self.state.lock();
        let mut total = 0;
        let fits = state.spans.iter().take(self.limits.batch).take_while(|(_, bytes)| {
            let is_first = total == 0;
            total += bytes;
            is_first || total <= MAX_REQUEST_BYTES
        });
        let count = fits.count();
        let mut taken = 0;
        let batch: Vec<_> = state
            .spans
            .drain(..count)
            .map(|(span, bytes)| {
                taken += bytes;
                span
            })
            .collect();
        state.bytes -= taken;
        state.in_flight += batch.len();
        state.in_flight_bytes += taken;
        batch
    }

    /// Frees the room of spans that are delivered or lost for good.
    pub(crate) fn complete(&self, count: usize) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(count);
        if state.in_flight == 0 {
            state.in_flight_bytes = 0;
        }
        drop(state);
        self.completed.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
    }

    /// Frees the room of all spans in flight, and returns their number.
    pub(crate) fn complete_all(&self) -> usize {
        let count = self.state.lock().in_flight;
        self.complete(count);
        count
    }

    /// Rejects all further spans.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
    }

    /// Waits until a batch becomes full. Each full batch is reported once, so that a failed one is
    /// not reported again at once.
    pub(crate) async fn full_batch(&self) {
        loop {
            self.full_batch.notified().await;
            // Another export may have taken it since.
            if self.has_full_batch() {
                return;
            }
        }
    }

    /// Returns whether a full batch waits.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.is_full_batch(&self.state.lock())
    }

    /// Returns the number of spans not yet delivered.
    pub(crate) fn pending(&self) -> usize {
        let state = self.state.lock();
        state.spans.len() + state.in_flight
    }

    /// Returns how many spans were queued so far. Call it on the task that completes spans.
    pub(crate) fn queued(&self) -> u64 {
        self.completed() + u64::try_from(self.pending()).unwrap_or(u64::MAX)
    }

    /// Returns the number of spans not yet delivered of the first `queued` ones.
    pub(crate) fn pending_of(&self, queued: u64) -> usize {
        usize::try_from(queued.saturating_sub(self.completed())).unwrap_or(usize::MAX)
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.limits.spans
    }

    /// Returns the number of spans dropped because the queue held too many.
    pub(crate) fn dropped_when_full(&self) -> u64 {
        self.dropped_when_full.load(Relaxed)
    }

    /// Returns the number of spans dropped because the queue held too much memory.
    pub(crate) fn dropped_at_bytes(&self) -> u64 {
        self.dropped_at_bytes.load(Relaxed)
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
pub(crate) mod tests;
