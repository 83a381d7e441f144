use std::future::Future;
use std::pin::Pin;

use stagelight_macros::{request, stage};

#[stage("auth_validation")]
struct NotAFunction;

#[request("nightly_reindex")]
impl NotAFunction {}

#[stage("auth_validation")]
const fn evaluated_by_the_compiler() {}

trait Handler {
    #[stage("auth_validation")]
    fn without_a_body(&self);
}

#[stage("auth_validation")]
fn made_elsewhere() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(std::future::ready(()))
}

fn main() {}
