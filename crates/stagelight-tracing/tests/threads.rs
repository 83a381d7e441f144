//! Threads that end with their spans still open.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{cell::RefCell, thread};

use stagelight_core::{
    Engine, Outcome, Snapshot,
    catalog::{self, MetricId, TypedFamily},
};
use stagelight_tracing::StageLayer;
use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;

const THREADS: u64 = 10_000;
const AT_ONCE: u64 = 8;

thread_local! {
    // Dropped with the thread, before or after the engine's thread state.
    static HELD: RefCell<Vec<Span>> = const { RefCell::new(Vec::new()) };
}

/// Starts a request with a stage, which both close at the thread's end.
fn start_request(is_held_first: bool) {
    if is_held_first {
        HELD.with_borrow_mut(|held| held.reserve(2));
    }
    let request = info_span!("job", stagelight.endpoint = "/x", outcome = "ok");
    let stage = info_span!(parent: &request, "stage", stage = "work");
    stage.in_scope(|| {});
    HELD.with_borrow_mut(|held| held.extend([stage, request]));
}

fn count<F: TypedFamily>(snapshot: &Snapshot, metric: MetricId<F>) -> u64 {
    snapshot.of(metric.family()).map(|it| it.histogram(metric).unwrap().count()).sum()
}

#[test]
fn spans_that_outlive_the_thread_state_are_counted() {
    let engine = Engine::new();
    // The global subscriber: without one, the Registry leaks the parent of a closed span.
    let subscriber = stagelight_tracing::registry().with(StageLayer::new(&engine));
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for wave in 0..THREADS / AT_ONCE {
        thread::scope(|scope| {
            let run = || start_request(wave % 2 == 0);
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
            // Joined explicitly: the end of the scope does not wait for thread-locals.
            threads.into_iter().for_each(|it| it.join().unwrap());
        });
    }
    let snapshot = engine.snapshot();
    assert_eq!(count(&snapshot, catalog::REQUEST_DURATION), THREADS);
    assert_eq!(count(&snapshot, catalog::REQUEST_STAGE_DURATION), THREADS);
    assert_eq!(snapshot.of(&catalog::DROPPED).count(), 0);
    // All requests are free again, except up to 48 that the spare thread state keeps, which
    // serves ending threads.
    let requests: Vec<_> = (0..16_384 - 48).map(|_| engine.start_request("/y")).collect();
    for mut request in requests {
        request.end(Outcome::Ok);
    }
    assert_eq!(engine.snapshot().of(&catalog::DROPPED).count(), 0);
}
