//! Threads that end with their spans still open.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{cell::RefCell, thread};

use stagelight_core::{Engine, Outcome, Snapshot, catalog};
use stagelight_tracing::StageLayer;
use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;

const THREADS: u64 = 10_000;
const AT_ONCE: u64 = 8;

thread_local! {
    // Dropped with the thread: before the engine's own part of it or after, as the system likes.
    static HELD: RefCell<Vec<Span>> = const { RefCell::new(Vec::new()) };
}

/// Begins a request with a stage, and leaves both to the thread's end.
fn life(is_held_first: bool) {
    if is_held_first {
        HELD.with_borrow_mut(|held| held.reserve(2));
    }
    let request = info_span!("job", stagelight.endpoint = "/x", outcome = "ok");
    let stage = info_span!(parent: &request, "stage", stage = "work");
    stage.in_scope(|| {});
    HELD.with_borrow_mut(|held| held.extend([stage, request]));
}

fn count(snapshot: &Snapshot, family: &'static catalog::Family) -> u64 {
    snapshot.of(family).map(|it| it.histogram(0).unwrap().count()).sum()
}

#[test]
fn spans_that_outlive_a_threads_own_part_are_counted() {
    let engine = Engine::new();
    // The global one: without any, the Registry forgets to let go of a closed span's parent.
    let subscriber = stagelight_tracing::registry().with(StageLayer::new(&engine));
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for wave in 0..THREADS / AT_ONCE {
        thread::scope(|scope| {
            let run = || life(wave % 2 == 0);
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
            // Joined one by one: the end of the scope does not wait for thread-locals.
            threads.into_iter().for_each(|it| it.join().unwrap());
        });
    }
    let snapshot = engine.snapshot();
    assert_eq!(count(&snapshot, &catalog::REQUEST), THREADS);
    assert_eq!(count(&snapshot, &catalog::STAGE), THREADS);
    assert_eq!(snapshot.of(&catalog::DROPPED).count(), 0);
    // All records are free again, but for the few that the part keeps which serves ending threads: as many requests can be open at once as ever.
    let requests: Vec<_> = (0..16_384 - 48).map(|_| engine.start_request("/y")).collect();
    for mut request in requests {
        request.end(Outcome::Ok);
    }
    assert_eq!(engine.snapshot().of(&catalog::DROPPED).count(), 0);
}
