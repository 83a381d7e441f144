use stagelight_macros::{request, stage};

#[stage("auth_validation", crate = "not a path")]
fn of_stage() {}

#[request("nightly_reindex", crate)]
fn of_request() {}

fn main() {}
