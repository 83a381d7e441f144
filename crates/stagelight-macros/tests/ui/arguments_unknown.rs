use stagelight_macros::{request, stage};

#[stage("auth_validation", grop = "other")]
fn misspelt() {}

#[stage("auth_validation", skip_all)]
fn of_instrument() {}

#[request("nightly_reindex", group = "other")]
fn of_stage() {}

fn main() {}
