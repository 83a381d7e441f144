//! Who a stream waited for, told from the order of polls alone.

use stagelight_core::{Engine, Nanos, Outcome, Ticks, catalog, layer_api::StreamStage};
use tracing::Span;

use crate::{end::End, failure::Failure};

/// A stream while it runs.
///
/// From the poll that asks for a chunk until a chunk is ready, however often it is polled in between, the stream waits for what is
/// *upstream*. From then until it is asked again, it waits for its *client*. That is two clock reads a chunk, and no allocation.
#[derive(Debug)]
pub(crate) struct Flow {
    engine: Engine,
    began: Ticks,
    /// From asking for the stream to its beginning, if that is known.
    first_byte: Option<Nanos>,
    /// Since when a chunk has been asked for; `None` while nobody asks.
    asked: Option<Ticks>,
    /// Nanoseconds waited for what is upstream.
    upstream: u64,
    chunks: u64,
    /// When the first chunk and the last one so far were ready; nothing without chunks.
    first: Ticks,
    last: Ticks,
    longest_gap: Nanos,
}

/// A stream that is the stage `stream_processing`.
#[derive(Debug)]
pub(crate) struct StageFlow {
    pub(crate) flow: Flow,
    stage: StreamStage,
}

/// The values of a stream, by position in its family; unknown ones are left out.
#[derive(Debug, Default)]
pub(crate) struct Values {
    known: [(usize, u64); 9],
    len: usize,
}

// === impl Flow ===

impl Flow {
    /// Begins a stream, now. `first_byte` is how long ago it was asked for.
    pub(crate) fn begin(engine: &Engine, first_byte: Option<Nanos>) -> Self {
        Self {
            engine: engine.clone(),
            began: engine.clock().now(),
            first_byte,
            asked: None,
            upstream: 0,
            chunks: 0,
            first: Ticks::default(),
            last: Ticks::default(),
            longest_gap: Nanos::default(),
        }
    }

    /// Takes note that the stream is about to be polled.
    pub(crate) fn ask(&mut self) {
        if self.asked.is_none() {
            self.asked = Some(self.engine.clock().now());
        }
    }

    /// Takes note that the poll returned something: a chunk, or else trailers, an error or the end.
    pub(crate) fn answer(&mut self, is_chunk: bool) {
        let now = self.engine.clock().now();
        self.stop_asking(now);
        if !is_chunk {
            return;
        }
        if self.chunks == 0 {
            self.first = now;
        } else {
            self.longest_gap = self.longest_gap.max(self.engine.clock().between(self.last, now));
        }
        self.last = now;
        self.chunks += 1;
    }

    /// Ends the stream, now, after `bytes` if they were counted.
    pub(crate) fn end(mut self, bytes: Option<u64>, outcome: Outcome) -> Values {
        let now = self.engine.clock().now();
        self.stop_asking(now);
        let clock = self.engine.clock();
        // What is left is the client's, so that both add up to the stream's time.
        let client = clock.between(self.began, now).get().saturating_sub(self.upstream);

        let first_chunk = self.first_byte.filter(|_| 0 < self.chunks);
        let first_chunk =
            first_chunk.map(|it| it.get() + clock.between(self.began, self.first).get());
        let gaps = self.chunks.saturating_sub(1);
        let mean_gap = clock.between(self.first, self.last).get().checked_div(gaps);

        let mut values = Values::default();
        values.add(catalog::STREAM_FIRST_BYTE, self.first_byte.map(Nanos::get));
        values.add(catalog::STREAM_FIRST_CHUNK, first_chunk);
        values.add(catalog::STREAM_CHUNKS, Some(self.chunks));
        values.add(catalog::STREAM_SIZE, bytes);
        values.add(catalog::STREAM_LONGEST_GAP, mean_gap.map(|_| self.longest_gap.get()));
        values.add(catalog::STREAM_MEAN_GAP, mean_gap);
        values.add(catalog::STREAM_WAIT_UPSTREAM, Some(self.upstream));
        values.add(catalog::STREAM_WAIT_CLIENT, Some(client));
        match outcome {
            Outcome::Cancelled => values.add(catalog::STREAM_CANCELLED, Some(1)),
            Outcome::Timeout => values.add(catalog::STREAM_TIMED_OUT, Some(1)),
            _ => {}
        }
        values
    }

    fn stop_asking(&mut self, now: Ticks) {
        if let Some(asked) = self.asked.take() {
            self.upstream += self.engine.clock().between(asked, now).get();
        }
    }
}

// === impl StageFlow ===

impl StageFlow {
    /// Takes the stream for that of `span`. `None` if that is another stage, or measured by nobody.
    pub(crate) fn of(flow: Flow, span: &Span) -> Option<Self> {
        let stage = StreamStage::from_span(flow.engine.spans(), span)?;
        Some(Self { flow, stage })
    }

    /// Ends the stream, and records it. To be called before the span is let go.
    pub(crate) fn end(self, bytes: Option<u64>, end: End) {
        let outcome = match end {
            End::Complete => Outcome::Ok,
            End::Cancelled => Outcome::Cancelled,
            End::Failed(Failure::Timeout) => Outcome::Timeout,
            End::Failed(_) => Outcome::Error,
        };
        let engine = self.flow.engine.clone();
        self.stage.record(engine.spans(), self.flow.end(bytes, outcome).as_slice());
    }
}

// === impl Values ===

impl Values {
    pub(crate) fn as_slice(&self) -> &[(usize, u64)] {
        &self.known[..self.len]
    }

    fn add(&mut self, position: usize, value: Option<u64>) {
        if let Some(value) = value
            && let Some(place) = self.known.get_mut(self.len)
        {
            *place = (position, value);
            self.len += 1;
        }
    }
}
