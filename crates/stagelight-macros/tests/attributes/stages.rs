use std::future::poll_fn;
use std::task::Poll;

use stagelight::stage;
use tracing::Span;

use crate::recorder::{heads, recorded, recorded_async};

/// Gives way to other tasks once.
pub(crate) async fn pend_once() {
    let mut has_pended = false;
    poll_fn(|cx| {
        if has_pended {
            return Poll::Ready(());
        }
        has_pended = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[stage("request_preparation")]
fn prepare(secret: &str) -> usize {
    secret.len()
}

#[stage("auth_validation")]
async fn authenticate(secret: String) -> usize {
    pend_once().await;
    secret.len()
}

#[test]
fn a_function_is_in_its_span_from_start_to_end_and_records_no_argument() {
    let mut length = 0;
    let lines = recorded(|| length = prepare("s3cret"));
    assert_eq!(length, 6);
    assert_eq!(
        lines,
        [
            "open prepare stage=request_preparation",
            "enter prepare",
            "exit prepare",
            "close prepare"
        ]
    );
}

#[test]
fn an_async_function_is_in_its_span_only_while_it_is_polled() {
    let lines = recorded_async(|| async { assert_eq!(authenticate("s3cret".into()).await, 6) });
    assert_eq!(
        lines,
        [
            "open authenticate stage=auth_validation",
            "enter authenticate",
            "exit authenticate",
            "enter authenticate",
            "exit authenticate",
            // What is left of the body, nothing here, is dropped inside the span.
            "enter authenticate",
            "exit authenticate",
            "close authenticate",
        ]
    );
}

#[test]
fn the_future_of_an_async_function_opens_nothing_before_it_is_polled() {
    assert!(recorded(|| drop(authenticate("s3cret".into()))).is_empty());
}

#[test]
fn two_futures_on_one_thread_do_not_enter_each_others_spans() {
    #[stage("a")]
    async fn a() {
        pend_once().await;
        tracing::info_span!("in_a");
    }
    #[stage("b")]
    async fn b() {
        pend_once().await;
        tracing::info_span!("in_b");
    }
    let lines = recorded_async(|| async { tokio::join!(a(), b()) });
    for opened in ["open in_a in a", "open in_b in b"] {
        assert!(lines.iter().any(|it| it == opened), "{lines:?}");
    }
}

#[test]
fn a_stage_inside_a_stage_is_its_child() {
    #[stage("outer")]
    async fn outer() {
        inner();
    }
    #[stage("inner")]
    fn inner() {}

    let lines = recorded_async(outer);
    assert_eq!(lines[2], "open inner stage=inner in outer");
}

#[test]
fn a_group_is_a_field() {
    #[stage("rerank", group = "backend_response")]
    fn rerank() {}
    assert_eq!(recorded(rerank)[0], "open rerank stage=rerank stage.group=backend_response");
}

#[test]
fn the_span_is_named_after_the_function_at_info_in_the_module() {
    #[stage("plain")]
    fn plain() {}
    let expected = ("INFO", "attributes::stages", "plain");
    assert_eq!(heads(plain), [expected.map_string()]);
}

#[test]
fn the_span_has_the_name_level_and_target_that_are_given() {
    const TARGET: &str = "checkout";

    #[stage("x", name = "pay the bill", level = "debug", target = "shop")]
    fn literal() {}
    #[stage("x", name = TARGET, level = "TRACE", target = TARGET)]
    fn constant() {}
    #[stage("x", level = "warn")]
    async fn warns() {}
    #[stage("x", level = "error")]
    fn fails() {}

    assert_eq!(heads(literal), [("DEBUG", "shop", "pay the bill").map_string()]);
    assert_eq!(heads(constant), [("TRACE", "checkout", "checkout").map_string()]);
    assert_eq!(
        heads(|| crate::recorder::block_on(warns())),
        [("WARN", "attributes::stages", "warns").map_string()]
    );
    assert_eq!(heads(fails), [("ERROR", "attributes::stages", "fails").map_string()]);
}

#[test]
fn fields_are_added_with_the_arguments_in_sight() {
    const TIER: &str = "user.tier";
    #[derive(Debug)]
    struct Model {
        name: &'static str,
    }

    #[stage(
        "backend_fetch",
        fields(provider = %provider, ?model, %model.name, {TIER} = 3, "a-b" = true,
            length = provider.len(), r#type = "t"),
    )]
    async fn fetch(provider: &str, model: Model) {}

    let lines = recorded_async(|| fetch("acme", Model { name: "m1" }));
    assert_eq!(
        lines[0],
        "open fetch stage=backend_fetch provider≈acme model≈Model { name: \"m1\" } \
         model.name≈m1 user.tier≈3 a-b≈true length≈4 type=t"
    );
}

#[test]
fn a_field_without_a_value_can_be_recorded_later() {
    #[stage("backend_fetch", fields(provider = tracing::field::Empty, model))]
    fn fetch() {
        Span::current().record("model", "m1").record("provider", "acme");
    }
    assert_eq!(
        recorded(fetch),
        [
            "open fetch stage=backend_fetch",
            "enter fetch",
            "record fetch model=m1",
            "record fetch provider=acme",
            "exit fetch",
            "close fetch",
        ]
    );
}

#[test]
fn a_constant_names_a_stage() {
    struct Worker;
    trait Staged {
        const STAGE: &'static str;
    }
    impl Staged for Worker {
        const STAGE: &'static str = "work";
    }
    impl Worker {
        const OWN: &'static str = "own";

        #[stage(Self::OWN)]
        fn own(&self) {}

        #[stage(<Self as Staged>::STAGE)]
        async fn work(&self) {}
    }
    #[stage(T::STAGE)]
    fn generic<T: Staged>(_: &T) {}

    assert_eq!(recorded(|| Worker.own())[0], "open own stage=own");
    assert_eq!(recorded_async(|| async { Worker.work().await })[0], "open work stage=work");
    assert_eq!(recorded(|| generic(&Worker))[0], "open generic stage=work");
}

#[test]
fn the_generated_code_of_two_attributes_nests() {
    #[stage("first")]
    #[stage("second", name = "second")]
    fn both() {}
    let opened: Vec<_> = recorded(both).into_iter().filter(|it| it.starts_with("open")).collect();
    // The first attribute is expanded first, and the second wraps what that made.
    assert_eq!(opened, ["open second stage=second", "open both stage=first in second"]);
}

trait MapString {
    fn map_string(self) -> (String, String, String);
}

impl MapString for (&str, &str, &str) {
    fn map_string(self) -> (String, String, String) {
        (self.0.into(), self.1.into(), self.2.into())
    }
}
