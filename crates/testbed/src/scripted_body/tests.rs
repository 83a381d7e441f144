use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Waker,
};

use super::*;

/// Plays the whole script, with `.` for a poll that was not ready.
fn played(body: ScriptedBody) -> Vec<String> {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut seen = Vec::new();
    loop {
        seen.push(match body.as_mut().poll_frame(&mut cx) {
            Poll::Pending => ".".to_owned(),
            Poll::Ready(None) => return seen,
            Poll::Ready(Some(Err(error))) => format!("error: {error}"),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
                Err(frame) => format!("{} trailers", frame.trailers_ref().unwrap().len()),
            },
        });
    }
}

#[test]
fn steps_are_played_in_order() {
    let body =
        ScriptedBody::new().data("a").pending().trailers([("x", "1")]).error("gone").data("b");
    assert_eq!(played(body), ["a", ".", "1 trailers", "error: gone", "b"]);
}

#[test]
fn an_action_runs_just_before_the_next_step() {
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    let body = ScriptedBody::new().data("a").run(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let mut body = pin!(body.data("b"));
    let mut cx = Context::from_waker(Waker::noop());

    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    assert_eq!(count.load(Ordering::Relaxed), 0);
    assert!(body.as_mut().poll_frame(&mut cx).is_ready());
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn end_and_size_are_shown_unless_hidden() {
    let body = ScriptedBody::new();
    assert!(body.is_end_stream());
    assert_eq!(body.data("abc").size_hint().exact(), Some(3));

    let unsized_body = ScriptedBody::new().hiding_its_size();
    assert!(unsized_body.is_end_stream());
    assert_eq!(unsized_body.size_hint().exact(), None);

    let hidden = ScriptedBody::new().data("abc").hiding_its_end();
    assert_eq!(hidden.size_hint().exact(), None);
    assert_eq!(hidden.with_exact_size().size_hint().exact(), Some(3));
    assert!(!ScriptedBody::new().hiding_its_end().is_end_stream());
}

#[test]
fn a_script_that_breaks_has_no_exact_size() {
    assert_eq!(ScriptedBody::new().data("a").error("gone").size_hint().exact(), None);
}

#[test]
fn an_error_shows_its_cause() {
    let mut body = pin!(ScriptedBody::new().error_caused_by("gone", std::io::ErrorKind::TimedOut));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Err(error))) = body.as_mut().poll_frame(&mut cx) else {
        panic!("the script starts with an error")
    };
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(
        cause.downcast_ref::<std::io::Error>().unwrap().kind(),
        std::io::ErrorKind::TimedOut
    );
}
