use stagelight_macros::{request, stage};

#[stage("auth_validation", level = "info", level = "debug")]
fn level() {}

#[stage("auth_validation", "request_parsing")]
fn stage_name() {}

#[stage("backend_fetch", fields(provider = 1, model, provider = 2))]
fn field() {}

#[request("nightly_reindex", "mail")]
fn endpoint() {}

fn main() {}
