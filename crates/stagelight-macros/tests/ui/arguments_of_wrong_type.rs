use stagelight_macros::{request, stage};

#[stage(3)]
fn stage_name() {}

#[stage("auth_validation", name = 3)]
fn name() {}

#[stage("auth_validation", level = INFO)]
fn level() {}

#[stage("auth_validation", level = "notice")]
fn unknown_level() {}

#[stage("auth_validation", err)]
fn err() {}

#[stage("auth_validation", fields = "provider")]
fn fields() {}

#[request(3)]
fn endpoint() {}

fn main() {}
