//! Names of the user's that look like those of the generated code.

use stagelight::{request, stage};

use crate::recorder::{recorded, recorded_async};

// Nothing of this is what the generated code means by it.
mod core {}
mod stagelight_core {}
#[expect(dead_code, reason = "only shadows the prelude's")]
enum Option {}

/// Would be called instead, on any type, by a method call in the generated code.
#[expect(dead_code, reason = "must not be called")]
trait Confusing {
    fn error_type(&self) -> u8 {
        0
    }
    fn span(&self) -> u8 {
        0
    }
    fn finish(&self) -> u8 {
        0
    }
    fn enter(&self) -> u8 {
        0
    }
    fn as_mut(&self) -> u8 {
        0
    }
}

impl<T> Confusing for T {}

#[stage("x", fields(span, sum = span + guard))]
fn stage_of(span: u8, guard: u8, returned: u8, future: u8, _entered: u8) -> Result<u8, u8> {
    Err(span + guard + returned + future + _entered)
}

#[stage("x", fields(sum = span + guard))]
async fn async_stage_of(
    span: u8,
    guard: u8,
    returned: u8,
    future: u8,
    _entered: u8,
) -> Result<u8, u8> {
    Err(span + guard + returned + future + _entered)
}

#[request("x", fields(sum = span + guard))]
async fn request_of(span: u8, guard: u8, returned: u8, future: u8, _entered: u8) -> Result<u8, u8> {
    Err(span + guard + returned + future + _entered)
}

#[test]
fn variables_do_not_collide() {
    let lines = recorded(|| assert_eq!(stage_of(1, 2, 4, 8, 16), Err(31)));
    assert_eq!(lines[0], "open stage_of stage=x sum≈3");
    let lines =
        recorded_async(|| async { assert_eq!(async_stage_of(1, 2, 4, 8, 16).await, Err(31)) });
    assert_eq!(lines[0], "open async_stage_of stage=x sum≈3");
    let lines = recorded_async(|| async { assert_eq!(request_of(1, 2, 4, 8, 16).await, Err(31)) });
    assert_eq!(lines[0], "open request_of stagelight.endpoint=x sum≈3");
}
