//! Blocking tasks on threads that come and go.

use std::time::Duration;

use stagelight::{otel::Environment, stage};
use stagelight_core::{Outcome, catalog};
use tokio::{runtime::Builder, task::JoinSet};
use tracing::{Instrument, Span, info_span};
use tracing_subscriber::layer::SubscriberExt;

const TASKS: u64 = 10_000;
const AT_ONCE: usize = 16;

#[stage("blocking_work")]
fn work() {}

#[test]
fn ten_thousand_blocking_tasks_on_threads_of_their_own_are_all_counted() {
    let environment = Environment::from_pairs::<&str, &str>([]);
    let telemetry = stagelight::Builder::from_env(&environment).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(AT_ONCE)
        // A thread ends as soon as it has nothing to do.
        .thread_keep_alive(Duration::ZERO)
        .build()
        .unwrap();

    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let request = async {
                let request = Span::current();
                let there = move || request.in_scope(work);
                tokio::task::spawn_blocking(there).await.unwrap();
            };
            tasks.spawn(request.instrument(info_span!("job", stagelight.endpoint = "/job")));
            if AT_ONCE <= tasks.len() {
                tasks.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
    // Waits for the blocking threads.
    drop(runtime);

    let snapshot = telemetry.engine().snapshot();
    let requests: u64 = snapshot
        .of(&catalog::REQUEST)
        .filter(|it| it.value(Outcome::LABEL) == Outcome::Ok.as_str())
        .map(|it| it.histogram(catalog::REQUEST_DURATION).unwrap().count())
        .sum();
    let stages =
        snapshot.of(&catalog::STAGE).map(|it| it.histogram(catalog::REQUEST_STAGE_DURATION));
    assert_eq!(requests, TASKS);
    assert_eq!(stages.map(|it| it.unwrap().count()).sum::<u64>(), TASKS);
    assert_eq!(snapshot.of(&catalog::DROPPED).count(), 0);
}
