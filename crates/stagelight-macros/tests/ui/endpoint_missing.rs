use stagelight_macros::request;

#[request]
fn bare() {}

#[request("nightly_reindex")]
fn without_its_key() {}

#[request(endpont = "nightly_reindex")]
fn misspelt() {}

fn main() {}
