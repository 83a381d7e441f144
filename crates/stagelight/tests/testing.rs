//! `TestTelemetry` measures what a test runs with it, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use stagelight::{request, stage, testing::TestTelemetry};

#[request("job")]
async fn job() {
    tokio::task::yield_now().await;
    step().ok();
}

#[stage("step")]
fn step() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}

#[track_caller]
fn check_one_job(telemetry: &TestTelemetry) {
    let job = telemetry.route("job");
    assert_eq!((job.requests, job.outcomes["ok"]), (1, 1));
    let step = job.stage("step").unwrap();
    assert_eq!((step.count, step.errors), (1, 1));
    assert!(job.stage("other").is_none());
}

#[tokio::test]
async fn two_do_not_see_each_other() {
    let (first, second) = (TestTelemetry::new(), TestTelemetry::new());
    first.instrument(job()).await;
    check_one_job(&first);
    assert_eq!(second.route("job").requests, 0);
    assert!(second.snapshot().series.is_empty());
}

#[tokio::test]
async fn the_default_of_a_thread_measures_its_tasks() {
    let telemetry = TestTelemetry::new();
    let guard = telemetry.set_default();
    tokio::spawn(job()).await.unwrap();
    drop(guard);
    job().await;
    check_one_job(&telemetry);
}

#[test]
fn without_a_runtime_a_function_is_measured() {
    let telemetry = TestTelemetry::new();
    telemetry.run(|| tracing::info_span!("job", stagelight.endpoint = "job").in_scope(step)).ok();
    let job = telemetry.route("job");
    assert_eq!((job.requests, job.stages.len()), (1, 1));
}
