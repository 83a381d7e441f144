use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use tracing::field::{Empty, Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

struct Coded(&'static str);

impl ErrorType for Coded {
    fn error_type(&self) -> &'static str {
        self.0
    }
}

/// Collects all fields recorded on any span after its creation, as `field=value`.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<String>>>);

impl Subscriber for Records {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Records {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.lock().unwrap().push(format!("{field}={value}"));
    }

    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        panic!("`{field}` is not recorded as a string");
    }
}

#[track_caller]
fn check_records(act: impl FnOnce(Span), expected: &[&str]) {
    let records = Records::default();
    tracing::subscriber::with_default(records.clone(), || {
        act(tracing::info_span!("request", "error.type" = Empty, outcome = Empty));
    });
    assert_eq!(*records.0.lock().unwrap(), expected);
}

macro_rules! error_type {
    ($value:expr) => {
        (&&&Returned::new(&$value)).__stagelight_error_type()
    };
}

#[test]
fn an_error_with_an_error_type_has_that_class() {
    assert_eq!(error_type!(Err::<(), _>(Coded("unknown_key"))), Some("unknown_key"));
    assert_eq!(error_type!(Err::<(), _>(&Coded("by_ref"))), Some("by_ref"));
    assert_eq!(error_type!(Err::<(), _>(Arc::new(Coded("shared")))), Some("shared"));
    let boxed: Box<dyn ErrorType> = Box::new(Coded("boxed"));
    assert_eq!(error_type!(Err::<(), _>(boxed)), Some("boxed"));
}

#[test]
fn any_other_error_has_the_name_of_its_type() {
    let failed: io::Result<()> = Err(io::ErrorKind::NotFound.into());
    assert_eq!(error_type!(failed), Some("std::io::error::Error"));
    let not_even_an_error: Result<(), u8> = Err(3);
    assert_eq!(error_type!(not_even_an_error), Some("u8"));
}

#[test]
fn an_error_of_a_generic_type_has_its_type_name_unless_the_bound_is_visible() {
    fn generic<E>(error: E) -> Option<&'static str> {
        error_type!(Err::<(), E>(error))
    }
    fn bounded<E: ErrorType>(error: E) -> Option<&'static str> {
        error_type!(Err::<(), E>(error))
    }
    assert_eq!(generic(Coded("unseen")), Some(std::any::type_name::<Coded>()));
    assert_eq!(bounded(Coded("seen")), Some("seen"));
}

#[test]
fn values_other_than_errors_have_no_class() {
    assert_eq!(error_type!(Ok::<u8, Coded>(3)), None);
    assert_eq!(error_type!(Ok::<u8, io::Error>(3)), None);
    assert_eq!(error_type!(()), None);
    assert_eq!(error_type!(None::<u8>), None);
    assert_eq!(error_type!(Some(Err::<(), _>(Coded("inside")))), None);
}

#[test]
fn a_request_that_returns_is_ok() {
    check_records(|span| RequestGuard::new(span).finish(None), &["outcome=ok"]);
}

#[test]
fn a_request_that_returns_an_error_records_its_class() {
    check_records(
        |span| RequestGuard::new(span).finish(Some("unknown_key")),
        &["error.type=unknown_key", "outcome=error"],
    );
}

#[test]
fn a_request_that_returns_a_timeout_timed_out() {
    check_records(
        |span| RequestGuard::new(span).finish(Some("timeout")),
        &["error.type=timeout", "outcome=timeout"],
    );
}

#[test]
fn an_unfinished_request_is_cancelled() {
    check_records(|span| drop(RequestGuard::new(span)), &["outcome=cancelled"]);
}

#[test]
fn a_request_that_unwinds_panicked() {
    check_records(
        |span| {
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _guard = RequestGuard::new(span);
                panic!("on purpose");
            }));
            assert!(unwound.is_err());
        },
        &["outcome=panic"],
    );
}

#[test]
fn a_request_created_while_another_panic_unwinds_did_not_panic() {
    struct Cleanup(Option<Span>);

    impl Drop for Cleanup {
        fn drop(&mut self) {
            drop(self.0.take().map(RequestGuard::new));
        }
    }

    check_records(
        |span| {
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _cleanup = Cleanup(Some(span));
                panic!("on purpose");
            }));
            assert!(unwound.is_err());
        },
        &["outcome=cancelled"],
    );
}

#[test]
fn a_stage_records_only_errors() {
    check_records(|span| record_error(&span, None), &[]);
    check_records(|span| record_error(&span, Some("unknown_key")), &["error.type=unknown_key"]);
}

#[test]
fn a_body_may_return_a_reborrow_of_a_captured_mutable_reference() {
    fn first(items: &mut [u8]) -> &mut u8 {
        call_once(move || &mut items[0])
    }
    let mut items = vec![1, 2];
    *first(&mut items) = 7;
    assert_eq!(items, [7, 2]);
}

#[test]
fn a_good_stage_name_is_returned() {
    assert_eq!(const { stage_name("db.query-2_A") }, "db.query-2_A");
    assert_eq!(stage_name("b".repeat(64).leak()).len(), 64);
}

#[track_caller]
fn check_refused(name: &'static str, expected: &str) {
    let panic = catch_unwind(|| stage_name(name)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&expected));
}

#[test]
fn a_bad_stage_name_is_refused() {
    check_refused("", "the stage's name is empty");
    check_refused("b".repeat(65).leak(), "the stage's name is longer than 64 bytes");
    for name in ["auth validation", "größe", "a/b", "a\"b"] {
        check_refused(name, "the stage's name has a character other than `A-Z a-z 0-9 _ . -`");
    }
    check_refused(
        "unattributed",
        "`unattributed` is the time outside of all stages; choose another name for the stage",
    );
}
