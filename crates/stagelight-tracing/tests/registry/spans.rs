//! Spans as layers and programs observe them.

use std::{
    cell::RefCell,
    sync::{Arc, Barrier},
    thread,
};

use tracing::{Dispatch, Span, dispatcher, info, info_span};
use tracing_subscriber::{layer::SubscriberExt, registry::LookupSpan};

use crate::{
    log::Log,
    observer::Observer,
    same::{alone, same},
};

#[test]
fn layers_see_the_same_callbacks_scopes_and_extensions() {
    let text = same!(|registry, log| registry.with(Observer(log.clone())));
    for line in [
        r#"current Some("first")"#,
        r#"event ["message"] of Some("there") in Some(["there", "shared""#,
    ] {
        assert!(text.contains(line), "{line} not in {text}");
    }
}

#[test]
fn log_lines_are_the_same() {
    let text = same!(|registry, log| registry.with(log.fmt()).with(log.fmt()));
    assert!(text.contains("connection{peer=7}:request{route=\"/x\""), "{text}");
}

#[test]
fn two_registries_on_one_thread_do_not_mix() {
    let _alone = alone();
    let (outer_log, inner_log) = (Log::default(), Log::default());
    let outer = Dispatch::new(stagelight_tracing::registry().with(outer_log.fmt()));
    let inner = Dispatch::new(stagelight_tracing::registry().with(inner_log.fmt()));
    dispatcher::with_default(&outer, || {
        let _outer = info_span!("outer").entered();
        dispatcher::with_default(&inner, || {
            info!("in the inner world");
            let _inner = info_span!("inner").entered();
            dispatcher::with_default(&outer, || info!("back outside"));
        });
    });
    assert!(!inner_log.text().contains("outer"), "{}", inner_log.text());
    assert!(
        outer_log.text().contains("outer: registry::spans: back outside"),
        "{}",
        outer_log.text()
    );
}

#[test]
fn spans_of_many_threads_do_not_mix() {
    let _alone = alone();
    let log = Log::default();
    let dispatch = Dispatch::new(stagelight_tracing::registry().with(log.fmt()));
    let barrier = Arc::new(Barrier::new(4));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (dispatch, barrier) = (&dispatch, &barrier);
            scope.spawn(move || {
                dispatcher::with_default(dispatch, || {
                    let _outer = info_span!("outer", thread).entered();
                    for _ in 0..200 {
                        barrier.wait();
                        let _inner = info_span!("inner", thread).entered();
                        info!(thread, "line");
                    }
                });
            });
        }
    });
    let text = log.text();
    assert_eq!(text.matches(" line ").count(), 800, "{text}");
    for line in text.lines().filter(|it| it.contains(" line ")) {
        let thread = line.rsplit_once("thread=").unwrap().1;
        assert_eq!(line.matches(&format!("thread={thread}")).count(), 3, "{line}");
    }
}

#[test]
fn the_wrapped_registry_is_found_by_its_type() {
    let _alone = alone();
    let dispatch = Dispatch::new(stagelight_tracing::registry().with(Log::default().fmt()));
    dispatcher::with_default(&dispatch, || {
        let span = info_span!("span");
        let id = span.id().unwrap();
        let plain = dispatch.downcast_ref::<tracing_subscriber::Registry>().unwrap();
        let ours = dispatch.downcast_ref::<stagelight_tracing::Registry>().unwrap();
        assert_eq!(plain.span(&id).unwrap().name(), "span");
        assert_eq!(ours.span(&id).unwrap().name(), "span");
        assert!(dispatch.downcast_ref::<String>().is_none());
    });
}

#[test]
fn a_span_closed_on_another_thread_with_its_guard_leaked_is_not_a_parent() {
    fn run(dispatch: &Dispatch) -> Vec<Option<&'static str>> {
        dispatcher::with_default(dispatch, || {
            let span = info_span!("leaked");
            let id = span.id().unwrap();
            dispatch.enter(&id);
            thread::scope(|scope| scope.spawn(|| drop(span)).join().unwrap());
            let parent_of = |span: &Span| {
                let registry = dispatch.downcast_ref::<tracing_subscriber::Registry>().unwrap();
                Some(registry.span(&span.id()?)?.parent()?.name())
            };
            let below = info_span!("below");
            let inner = below.in_scope(|| info_span!("inner"));
            let parents = vec![parent_of(&below), parent_of(&inner)];
            dispatch.exit(&id);
            parents
        })
    }
    let _alone = alone();
    let plain = run(&Dispatch::new(tracing_subscriber::registry().with(Log::default().fmt())));
    let ours = run(&Dispatch::new(stagelight_tracing::registry().with(Log::default().fmt())));
    assert_eq!(ours, plain);
    assert_eq!(plain, [None, Some("below")]);
}

#[test]
fn a_closed_span_is_gone() {
    let _alone = alone();
    let dispatch = Dispatch::new(stagelight_tracing::registry().with(Log::default().fmt()));
    dispatcher::with_default(&dispatch, || {
        let span = info_span!("span");
        let id = span.id().unwrap();
        drop(span);
        let registry = dispatch.downcast_ref::<stagelight_tracing::Registry>().unwrap();
        assert!(registry.span(&id).is_none());
    });
}

#[test]
fn spans_may_be_entered_while_their_thread_ends() {
    let _alone = alone();
    /// Enters its span when the thread drops it.
    struct AtTheEnd(Span, Dispatch, Log);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            let entered = self.0.enter();
            let current = self.1.current_span().metadata().map(|it| it.name());
            drop(entered);
            let left = self.1.current_span().metadata().map(|it| it.name());
            self.2.line(&format!("in {current:?}, left {left:?}"));
        }
    }
    thread_local!(static AT_THE_END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });

    // The first thread-local is dropped last, after the registry's thread state.
    let run = |dispatch: Dispatch, is_first: bool| {
        let log = Log::default();
        let kept = log.clone();
        let work = move || {
            if is_first {
                AT_THE_END.set(None);
            }
            dispatcher::with_default(&dispatch, || {
                AT_THE_END.set(Some(AtTheEnd(info_span!("late"), dispatch.clone(), log)));
            });
        };
        thread::spawn(work).join().unwrap();
        kept.text()
    };
    let run_on_ours = |is_first| {
        run(Dispatch::new(stagelight_tracing::registry().with(Log::default().fmt())), is_first)
    };
    assert_eq!(run_on_ours(false), "in Some(\"late\"), left None\n");
    assert_eq!(run_on_ours(true), "in None, left None\n", "the plain Registry panics here");
}
