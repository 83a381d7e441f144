//! What the compiler says to a user who gets an attribute wrong.
//!
//! Only errors that the attributes write belong here: rustc's own wording changes between
//! versions. `TRYBUILD=overwrite cargo test -p stagelight-macros --test ui` updates them.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
