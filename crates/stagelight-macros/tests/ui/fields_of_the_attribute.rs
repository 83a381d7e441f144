use stagelight_macros::{request, stage};

#[stage("backend_fetch", fields(error.type = "mine"))]
fn of_stage() {}

#[request("nightly_reindex", fields(outcome = "ok"))]
fn of_request() {}

fn main() {}
