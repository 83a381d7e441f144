use stagelight_macros::request;

#[request("")]
fn empty() {}

#[request("/search?q=tracing")]
fn with_a_query() {}

fn main() {}
