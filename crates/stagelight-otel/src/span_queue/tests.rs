use std::{sync::Arc, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use super::*;

pub(crate) fn span(name: &'static str, flags: TraceFlags) -> SpanData {
    let (trace, id) = (TraceId::from(1), SpanId::from(1));
    SpanData {
        span_context: SpanContext::new(trace, id, flags, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn queue(capacity: usize, batch: usize, names: &[&'static str]) -> Arc<SpanQueue> {
    let queue = Arc::new(SpanQueue::new(
        SpanLimits { queue: capacity, batch, ..Default::default() }.into(),
    ));
    for name in names {
        queue.push(span(name, TraceFlags::SAMPLED));
    }
    queue
}

fn names(batch: &[SpanData]) -> Vec<&str> {
    batch.iter().map(|it| &*it.name).collect()
}

#[test]
fn batches_are_taken_in_order() {
    let queue = queue(9, 2, &["a", "b", "c"]);
    assert_eq!(names(&queue.take_batch()), ["a", "b"]);
    assert_eq!(names(&queue.take_batch()), ["c"]);
    assert!(queue.take_batch().is_empty());
}

#[test]
fn a_full_queue_drops_and_counts() {
    let queue = queue(2, 2, &["a", "b", "c", "d"]);
    assert_eq!((queue.pending(), queue.dropped_when_full()), (2, 2));
    assert_eq!(names(&queue.take_batch()), ["a", "b"]);
}

#[test]
fn a_batch_in_flight_keeps_its_room() {
    let queue = queue(2, 2, &["a", "b"]);
    let batch = queue.take_batch();
    queue.push(span("c", TraceFlags::SAMPLED));
    assert_eq!((queue.pending(), queue.dropped_when_full(), queue.completed()), (2, 1, 0));
    queue.complete(1);
    queue.push(span("c", TraceFlags::SAMPLED));
    assert_eq!((queue.pending(), queue.dropped_when_full(), queue.completed()), (2, 1, 1));
    assert_eq!(names(&batch), ["a", "b"]);
    assert_eq!(names(&queue.take_batch()), ["c"]);
}

#[test]
fn room_in_bytes_is_limited_and_freed() {
    let large = || {
        let mut span = span("large", TraceFlags::SAMPLED);
        span.attributes = (0..100).map(|_| KeyValue::new("a", "x".repeat(10_000))).collect();
        span
    };
    // Truncated to 4096 characters, each takes about 0.4 MiB.
    let queue = queue(2048, 512, &[]);
    for _ in 0..200 {
        queue.push(large());
    }
    let queued = queue.pending();
    assert!((70..=80).contains(&queued), "{queued}");
    assert_eq!(queue.dropped_at_bytes(), 200 - queued as u64);
    assert_eq!(queue.dropped_when_full(), 0);
    // A batch has at most 1 MiB.
    let batch = queue.take_batch();
    assert_eq!(batch.len(), 2);
    queue.push(large());
    assert_eq!(queue.pending(), queued);
    queue.complete(2);
    queue.push(large());
    assert_eq!(queue.pending(), queued - 1);
}

#[tokio::test]
async fn a_batch_is_full_with_few_large_spans() {
    let queue = queue(2048, 512, &[]);
    for _ in 0..3 {
        let mut span = span("large", TraceFlags::SAMPLED);
        span.attributes = (0..128).map(|_| KeyValue::new("a", "x".repeat(4096))).collect();
        queue.push(span);
    }
    queue.full_batch().await;
}

#[test]
fn delivered_spans_make_room() {
    let queue = queue(1, 1, &["a"]);
    let batch = queue.take_batch();
    queue.complete(batch.len());
    queue.push(span("b", TraceFlags::SAMPLED));
    assert_eq!((queue.pending(), queue.dropped_when_full(), queue.completed()), (1, 0, 1));
}

#[test]
fn spans_after_shutdown_are_dropped_and_counted() {
    let queue = queue(9, 9, &["a"]);
    QueueSpanProcessor(Arc::clone(&queue)).shutdown().unwrap();
    queue.push(span("b", TraceFlags::SAMPLED));
    assert_eq!((queue.pending(), queue.dropped_after_shutdown()), (1, 1));
}

#[test]
fn an_unsampled_span_is_not_queued() {
    let queue = queue(9, 9, &[]);
    QueueSpanProcessor(Arc::clone(&queue)).on_end(span("a", TraceFlags::NOT_SAMPLED));
    assert_eq!(queue.pending(), 0);
}

#[tokio::test]
async fn a_full_batch_is_remembered_until_awaited() {
    let queue = queue(9, 2, &["a", "b"]);
    queue.full_batch().await;
}
