use stagelight_macros::stage;

#[stage("rerank", group = "backend")]
fn rerank() {}

fn main() {}
