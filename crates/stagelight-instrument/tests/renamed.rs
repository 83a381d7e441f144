//! The attributes in a package without a dependency called `stagelight`.

use stagelight_core::{Engine, catalog};
use tracing_subscriber::prelude::*;

mod renamed {
    pub(crate) use stagelight_instrument::{__private, request, stage};
}

const PARSING: &str = "request_parsing";

#[renamed::request("nightly_reindex", fields(size = 3), crate = "renamed")]
async fn job() -> Result<(), std::num::ParseIntError> {
    parse("x")?;
    store().await;
    Ok(())
}

#[renamed::stage(PARSING, fields(empty), crate = crate::renamed)]
fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

#[renamed::stage("store", err = false, crate = "self::renamed")]
async fn store() {}

#[tokio::test]
async fn a_renamed_facade_is_given_with_crate() {
    let engine = Engine::new();
    let layer = stagelight_tracing::StageLayer::new(&engine);
    let guard = tracing_subscriber::registry().with(layer).set_default();
    job().await.unwrap_err();
    store().await;
    drop(guard);
    let snapshot = engine.snapshot();
    let request = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(request.value(catalog::Outcome::LABEL), "error");
    let stages: Vec<_> =
        snapshot.of(&catalog::STAGE).map(|it| it.value(catalog::labels::Stage::LABEL)).collect();
    assert_eq!(stages, ["request_parsing", "unattributed"]);
}
