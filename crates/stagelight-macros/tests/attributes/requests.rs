use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use stagelight::{ErrorType, request, stage};
use tracing::Instrument as _;

use crate::recorder::{block_on, heads, recorded, recorded_async, recording};
use crate::stages::pend_once;

#[derive(Debug)]
enum JobError {
    TooLong,
    QueueGone,
}

impl ErrorType for JobError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::TooLong => "timeout",
            Self::QueueGone => "queue_gone",
        }
    }
}

/// Checks the values recorded on the request's span, in order.
#[track_caller]
fn check(lines: &[String], expected: &[&str]) {
    let recorded: Vec<_> = lines.iter().filter_map(|it| it.strip_prefix("record job ")).collect();
    assert_eq!(recorded, expected);
}

#[request("nightly_reindex")]
fn job<E>(result: Result<u8, E>) -> Result<u8, E> {
    let value = result?;
    Ok(value)
}

#[request("nightly_reindex", name = "job")]
async fn job_async<E>(result: Result<u8, E>) -> Result<u8, E> {
    pend_once().await;
    let value = result?;
    Ok(value)
}

#[test]
fn a_request_is_a_span_with_an_endpoint_and_an_outcome() {
    let lines = recorded(|| job(Ok::<_, JobError>(1)));
    assert_eq!(
        lines,
        [
            "open job stagelight.endpoint=nightly_reindex",
            "enter job",
            "record job outcome=ok",
            "exit job",
            "close job",
        ]
    );
}

#[test]
fn an_async_request_is_in_its_span_only_while_it_is_polled() {
    let lines = recorded_async(|| job_async(Ok::<_, JobError>(1)));
    assert_eq!(
        lines,
        [
            "open job stagelight.endpoint=nightly_reindex",
            "enter job",
            "exit job",
            "enter job",
            "exit job",
            "record job outcome=ok",
            "enter job",
            "exit job",
            "close job",
        ]
    );
}

#[test]
fn an_error_is_an_outcome_with_a_type() {
    #[request("x")]
    fn job() -> Result<u8, JobError> {
        Err(JobError::QueueGone)
    }
    check(&recorded(job), &["error.type=queue_gone", "outcome=error"]);
    check(&recorded_async(|| job_async(Err("b"))), &["error.type=&str", "outcome=error"]);
}

#[test]
fn an_error_of_the_type_timeout_is_an_outcome_of_its_own() {
    #[request("x")]
    async fn job() -> Result<u8, JobError> {
        tokio::time::timeout(Duration::ZERO, pending()).await.map_err(|_| JobError::TooLong)
    }
    check(&recorded_async(job), &["error.type=timeout", "outcome=timeout"]);
}

#[test]
fn what_is_not_a_result_is_ok() {
    #[request("x")]
    fn job() {}
    check(&recorded(job), &["outcome=ok"]);
}

#[test]
fn a_future_dropped_before_its_end_is_cancelled() {
    #[request("x")]
    async fn job() {
        wait().await;
    }
    #[stage("wait")]
    async fn wait() {
        pending().await
    }
    let lines = recorded_async(|| async {
        tokio::select! {
            biased;
            () = job() => {}
            () = pend_once() => {}
        }
    });
    check(&lines, &["outcome=cancelled"]);
    // The stage ends first: it was a part of the request.
    let at = |line: &str| lines.iter().position(|it| it == line).unwrap();
    assert!(at("close wait") < at("record job outcome=cancelled"));
    assert!(at("record job outcome=cancelled") < at("close job"));
}

#[test]
fn a_future_that_was_never_polled_was_not_a_request() {
    assert!(recorded(|| drop(job_async(Ok::<_, JobError>(1)))).is_empty());
}

#[test]
fn a_panic_is_an_outcome_and_goes_on() {
    #[request("x")]
    fn job() {
        panic!("on purpose");
    }
    #[request("x", name = "job")]
    async fn job_async() {
        pend_once().await;
        panic!("on purpose");
    }
    #[request("x", name = "job")]
    async fn job_never() -> ! {
        panic!("on purpose");
    }
    let acts: [fn(); 3] = [job, || block_on(job_async()), || block_on(job_never())];
    for act in acts {
        let lines = recorded(|| {
            let panic = catch_unwind(act).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
        });
        check(&lines, &["outcome=panic"]);
        assert_eq!(lines.last().unwrap(), "close job");
    }
}

#[test]
fn a_panic_that_is_caught_inside_is_no_outcome() {
    #[request("x")]
    fn job() -> bool {
        catch_unwind(AssertUnwindSafe(|| panic!("on purpose"))).is_err()
    }
    check(&recorded(job), &["outcome=ok"]);
}

#[test]
fn the_endpoint_may_be_computed_from_the_arguments() {
    struct Message {
        kind: String,
    }
    #[request(message.kind.as_str(), fields(length = message.kind.len()))]
    async fn job(message: Message) -> usize {
        let Message { kind } = message;
        kind.len()
    }
    #[request(&format!("{queue}.consume"))]
    fn consume(queue: &str) {
        assert_eq!(queue, "mail");
    }
    let lines = recorded_async(|| job(Message { kind: "mail".into() }));
    assert_eq!(lines[0], "open job stagelight.endpoint=mail length≈4");
    assert_eq!(recorded(|| consume("mail"))[0], "open consume stagelight.endpoint=mail.consume");
}

#[test]
fn a_request_keeps_the_trace_that_it_is_started_in() {
    let lines = recorded_async(|| {
        job_async(Ok::<_, JobError>(1)).instrument(tracing::info_span!("consumer"))
    });
    assert!(
        lines.contains(&"open job stagelight.endpoint=nightly_reindex in consumer".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn the_span_has_the_name_level_target_and_fields_that_are_given() {
    #[request("x", name = "reindex", level = "warn", target = "jobs", fields(batch = 3, size))]
    fn job() {
        tracing::Span::current().record("size", 4);
    }
    assert_eq!(heads(job), [("WARN".into(), "jobs".into(), "reindex".into())]);
    let lines = recorded(job);
    assert_eq!(lines[0], "open reindex stagelight.endpoint=x batch≈3");
    assert_eq!(lines[2], "record reindex size≈4");
}

#[test]
fn a_boxed_async_block_is_a_request_while_it_runs() {
    #[request("x")]
    fn job() -> Pin<Box<dyn Future<Output = Result<u8, JobError>> + Send>> {
        Box::pin(async move { Err(JobError::QueueGone) })
    }
    recording(|recorder| {
        let future = job();
        assert!(recorder.take().is_empty());
        block_on(future).unwrap_err();
        check(&recorder.take(), &["error.type=queue_gone", "outcome=error"]);
    });
}
