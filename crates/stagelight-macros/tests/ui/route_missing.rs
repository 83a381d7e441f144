use stagelight_macros::request;

#[request]
fn bare() {}

#[request(endpoint = "nightly_reindex")]
fn former_form() {}

#[request(endpont = "nightly_reindex")]
fn misspelt() {}

fn main() {}
