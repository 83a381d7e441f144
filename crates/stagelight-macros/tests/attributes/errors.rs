//! Which returned errors a stage records, and under which type.

use std::error::Error;
use std::{fmt, io};

use stagelight::{ErrorType, stage};

use crate::recorder::{recorded, recorded_async};

#[derive(Debug)]
enum AuthError {
    UnknownKey,
}

impl ErrorType for AuthError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
        }
    }
}

impl From<Plain> for AuthError {
    fn from(_: Plain) -> Self {
        Self::UnknownKey
    }
}

#[derive(Debug)]
struct Plain;

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message, which is never recorded")
    }
}

impl Error for Plain {}

/// Checks the `error.type` that is recorded, and that it is recorded once.
#[track_caller]
fn check(lines: &[String], expected: Option<&str>) {
    let recorded: Vec<_> = lines
        .iter()
        .filter(|it| it.starts_with("record"))
        .map(|it| it.split_once("error.type=").unwrap().1)
        .collect();
    assert_eq!(recorded, expected.as_slice());
}

#[test]
fn an_error_is_recorded_before_the_span_closes() {
    #[stage("auth")]
    fn authenticate() -> Result<(), AuthError> {
        Err(AuthError::UnknownKey)
    }
    assert_eq!(
        recorded(authenticate),
        [
            "open authenticate stage=auth",
            "enter authenticate",
            "record authenticate error.type=unknown_key",
            "exit authenticate",
            "close authenticate",
        ]
    );
}

#[test]
fn a_value_is_not_an_error() {
    #[stage("x")]
    fn returns_ok() -> Result<u8, AuthError> {
        Ok(1)
    }
    #[stage("x")]
    async fn returns_option() -> Option<u8> {
        None
    }
    check(&recorded(returns_ok), None);
    check(&recorded_async(returns_option), None);
}

#[test]
fn a_question_mark_is_seen_and_converts_as_usual() {
    fn fails() -> Result<u8, Plain> {
        Err(Plain)
    }
    #[stage("x")]
    fn asks() -> Result<u8, AuthError> {
        let value = fails()?;
        Ok(value + 1)
    }
    #[stage("x")]
    async fn asks_async() -> Result<u8, AuthError> {
        let value = fails()?;
        Ok(value + 1)
    }
    check(&recorded(asks), Some("unknown_key"));
    check(&recorded_async(asks_async), Some("unknown_key"));
}

#[test]
fn an_early_return_is_seen() {
    #[stage("x")]
    fn early(fail: bool) -> Result<u8, AuthError> {
        if fail {
            return Err(AuthError::UnknownKey);
        }
        Ok(1)
    }
    #[stage("x")]
    async fn early_async(fail: bool) -> Result<u8, AuthError> {
        if fail {
            return Err(AuthError::UnknownKey);
        }
        Ok(1)
    }
    check(&recorded(|| early(true)), Some("unknown_key"));
    check(&recorded(|| early(false)), None);
    check(&recorded_async(|| early_async(true)), Some("unknown_key"));
    check(&recorded_async(|| early_async(false)), None);
}

#[test]
fn an_alias_is_seen_for_what_it_is() {
    type Answer = Result<u8, AuthError>;

    #[stage("x")]
    fn of_io() -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }
    #[stage("x")]
    async fn of_ours() -> Answer {
        Err(AuthError::UnknownKey)
    }
    check(&recorded(of_io), Some("std::io::error::Error"));
    check(&recorded_async(of_ours), Some("unknown_key"));
}

#[test]
fn a_boxed_error_goes_by_the_name_of_the_box() {
    type Boxed = Box<dyn Error + Send + Sync>;

    #[stage("x")]
    fn boxed() -> Result<(), Boxed> {
        Err(Plain)?;
        Ok(())
    }
    check(&recorded(boxed), Some(std::any::type_name::<Boxed>()));
}

#[test]
fn a_generic_error_goes_by_the_name_of_what_it_stands_for() {
    #[stage("x")]
    fn generic<E>(error: E) -> Result<(), E> {
        Err(error)
    }
    check(&recorded(|| generic(Plain)), Some("attributes::errors::Plain"));
    check(&recorded(|| generic(3_u8)), Some("u8"));
}

#[test]
fn the_error_behind_an_impl_trait_is_seen() {
    #[stage("x")]
    fn hidden() -> impl fmt::Debug {
        Err::<u8, _>(AuthError::UnknownKey)
    }
    #[stage("x")]
    fn inside() -> Result<impl Iterator<Item = u8>, AuthError> {
        if true {
            return Err(AuthError::UnknownKey);
        }
        Ok([1_u8].into_iter())
    }
    check(&recorded(hidden), Some("unknown_key"));
    check(&recorded(inside), Some("unknown_key"));
}

#[test]
fn the_type_of_the_error_may_be_left_to_inference() {
    #[stage("x")]
    fn collects() -> Result<Vec<u8>, std::num::ParseIntError> {
        ["1", "b"].iter().map(|it| it.parse()).collect()
    }
    #[stage("x")]
    async fn converts() -> Result<u64, Box<dyn Error>> {
        Ok("b".parse::<u8>()?.into())
    }
    check(&recorded(collects), Some("core::num::error::ParseIntError"));
    check(&recorded_async(converts), Some("alloc::boxed::Box<dyn core::error::Error>"));
}

#[test]
fn errors_can_be_left_alone() {
    #[stage("x", err = false)]
    fn expected() -> Result<(), AuthError> {
        Err(AuthError::UnknownKey)
    }
    #[stage("x", err = false)]
    async fn own_words() -> Result<(), AuthError> {
        tracing::Span::current().record("error.type", "own");
        Err(AuthError::UnknownKey)
    }
    check(&recorded(expected), None);
    check(&recorded_async(own_words), Some("own"));
}
