//! Attributes the time of a stream to the upstream or the client, from the order of polls.

use stagelight_core::{
    Engine, Nanos, Outcome, Ticks,
    catalog::{Measurement, MetricId, STREAM_METRICS, StreamFamily},
    layer_api::StreamStage,
};
use tracing::Span;

/// Measures a stream while it runs.
///
/// From the first poll for a chunk until a chunk is ready, the stream waits for its *upstream*,
/// however often it is polled in between. From then until the next poll, it waits for its *client*.
///
/// # Cost
///
/// Two clock reads per chunk, no allocation.
#[derive(Debug)]
pub(crate) struct StreamTimer {
    engine: Engine,
    started: Ticks,
    /// From sending the request to the start of the stream, if known.
    first_byte: Option<Nanos>,
    /// Time of the first poll for the next chunk. `None` while no poll is pending.
    polled_at: Option<Ticks>,
    /// Nanoseconds spent waiting for the upstream.
    upstream: u64,
    chunks: u64,
    /// Times at which the first and the latest chunk were ready. Meaningless without chunks.
    first_chunk: Ticks,
    last_chunk: Ticks,
    longest_gap: Nanos,
}

/// A [`StreamTimer`] for the stage `stream_processing`.
#[derive(Debug)]
pub(crate) struct BackendStreamTimer {
    pub(crate) timer: StreamTimer,
    stage: StreamStage,
}

/// The values of a stream of the family `F`, at most one per metric. Unknown values are left out.
#[derive(Debug)]
pub(crate) struct StreamValues<F> {
    values: [Measurement<F>; STREAM_METRICS],
    len: usize,
}

// === impl StreamTimer ===

impl StreamTimer {
    /// Starts a stream now. `first_byte` is the time since its request was sent.
    pub(crate) fn start(engine: &Engine, first_byte: Option<Nanos>) -> Self {
        Self {
            engine: engine.clone(),
            started: engine.clock().now(),
            first_byte,
            polled_at: None,
            upstream: 0,
            chunks: 0,
            first_chunk: Ticks::default(),
            last_chunk: Ticks::default(),
            longest_gap: Nanos::default(),
        }
    }

    /// Notes that the stream is about to be polled.
    pub(crate) fn poll_started(&mut self) {
        if self.polled_at.is_none() {
            self.polled_at = Some(self.engine.clock().now());
        }
    }

    /// Notes that the poll is ready, with a chunk or with trailers, an error or the end.
    pub(crate) fn poll_ready(&mut self, is_chunk: bool) {
        let now = self.engine.clock().now();
        self.add_upstream_wait(now);
        if !is_chunk {
            return;
        }
        if self.chunks == 0 {
            self.first_chunk = now;
        } else {
            let gap = self.engine.clock().between(self.last_chunk, now);
            self.longest_gap = self.longest_gap.max(gap);
        }
        self.last_chunk = now;
        self.chunks += 1;
    }

    /// Ends the stream now, after `bytes` if they were counted.
    pub(crate) fn finish<F: StreamFamily>(
        mut self,
        bytes: Option<u64>,
        outcome: Outcome,
    ) -> StreamValues<F> {
        let now = self.engine.clock().now();
        self.add_upstream_wait(now);
        let clock = self.engine.clock();
        // The rest is the client's, so that both waits add up to the duration of the stream.
        let client = clock.between(self.started, now).get().saturating_sub(self.upstream);

        let first_byte = self.first_byte.map(Nanos::get);
        let until_first_chunk = clock.between(self.started, self.first_chunk).get();
        let first_chunk = first_byte.filter(|_| 0 < self.chunks).map(|it| it + until_first_chunk);
        let gaps = self.chunks.saturating_sub(1);
        let mean_gap = clock.between(self.first_chunk, self.last_chunk).get().checked_div(gaps);

        let mut values = StreamValues::new();
        values.add(F::TIME_TO_FIRST_BYTE, first_byte);
        values.add(F::TIME_TO_FIRST_CHUNK, first_chunk);
        values.add(F::CHUNKS, Some(self.chunks));
        values.add(F::SIZE, bytes);
        values.add(F::GAP_LONGEST, mean_gap.map(|_| self.longest_gap.get()));
        values.add(F::GAP_MEAN, mean_gap);
        values.add(F::WAIT_UPSTREAM, Some(self.upstream));
        values.add(F::WAIT_CLIENT, Some(client));
        match outcome {
            Outcome::Cancelled => values.add(F::CANCELLED, Some(1)),
            Outcome::Timeout => values.add(F::TIMED_OUT, Some(1)),
            _ => {}
        }
        values
    }

    fn add_upstream_wait(&mut self, now: Ticks) {
        if let Some(polled_at) = self.polled_at.take() {
            self.upstream += self.engine.clock().between(polled_at, now).get();
        }
    }
}

// === impl BackendStreamTimer ===

impl BackendStreamTimer {
    /// Attaches the timer to `span`.
    ///
    /// Returns `None` if the span is not the stage `stream_processing` or is not measured.
    pub(crate) fn for_span(timer: StreamTimer, span: &Span) -> Option<Self> {
        let stage = StreamStage::from_span(timer.engine.spans(), span)?;
        Some(Self { timer, stage })
    }

    /// Ends the stream and records it. Must be called before the span closes.
    pub(crate) fn record(self, bytes: Option<u64>, outcome: Outcome) {
        let engine = self.timer.engine.clone();
        self.stage.record(engine.spans(), self.timer.finish(bytes, outcome).as_slice());
    }
}

// === impl StreamValues ===

impl<F: StreamFamily> StreamValues<F> {
    fn new() -> Self {
        Self { values: [F::CHUNKS.value(0); STREAM_METRICS], len: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[Measurement<F>] {
        &self.values[..self.len]
    }

    fn add(&mut self, metric: MetricId<F>, value: Option<u64>) {
        if let Some(value) = value
            && let Some(slot) = self.values.get_mut(self.len)
        {
            *slot = metric.value(value);
            self.len += 1;
        }
    }
}
