use stagelight_macros::stage;

#[stage]
fn bare() {}

#[stage(group = "other")]
fn with_a_group() {}

fn main() {}
