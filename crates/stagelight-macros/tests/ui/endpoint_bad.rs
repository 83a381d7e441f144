use stagelight_macros::request;

#[request(endpoint = "")]
fn empty() {}

#[request(endpoint = "/search?q=tracing")]
fn with_a_query() {}

fn main() {}
