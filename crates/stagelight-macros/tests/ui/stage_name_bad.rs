use stagelight_macros::stage;

#[stage("")]
fn empty() {}

#[stage("auth validation")]
fn with_a_space() {}

#[stage("a_stage_whose_name_says_everything_that_its_function_does_and_more")]
fn too_long() {}

#[stage("unattributed")]
fn reserved() {}

fn main() {}
