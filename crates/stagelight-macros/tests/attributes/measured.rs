//! The attributes together with the layer that measures what they mark.

use stagelight::{request, stage};
use stagelight_core::catalog::{self, Label, Outcome, labels};
use stagelight_core::{Engine, Group};
use stagelight_tracing::StageLayer;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::recorder::block_on;
use crate::stages::pend_once;

#[stage("auth_validation")]
fn authenticate() -> Result<(), u8> {
    Err(1)
}

#[stage("rerank", group = "backend_response")]
async fn rerank() {
    pend_once().await;
}

#[request("nightly_reindex")]
async fn reindex() -> Result<(), u8> {
    rerank().await;
    authenticate()
}

#[test]
fn stages_and_their_request_are_measured() {
    let engine = Engine::new();
    let subscriber = tracing_subscriber::registry().with(StageLayer::new(&engine));
    tracing::subscriber::with_default(subscriber, || block_on(reindex())).unwrap_err();

    let snapshot = engine.snapshot();
    let of = |family, label: &'static Label| {
        let values = snapshot.of(family).map(move |it| it.value(label).to_owned());
        values.collect::<Vec<_>>()
    };
    assert_eq!(of(&catalog::REQUEST, labels::Endpoint::LABEL), ["nightly_reindex"]);
    assert_eq!(of(&catalog::REQUEST, Outcome::LABEL), ["error"]);
    assert_eq!(of(&catalog::STAGE_ERRORS, labels::Stage::LABEL), ["auth_validation"]);
    assert_eq!(of(&catalog::STAGE_ERRORS, labels::ErrorType::LABEL), ["u8"]);
    let stages = of(&catalog::STAGE, labels::Stage::LABEL);
    assert!(stages.contains(&"auth_validation".to_owned()), "{stages:?}");
    assert!(stages.contains(&"rerank".to_owned()), "{stages:?}");
    assert_eq!(engine.group_of("rerank"), Group::BackendResponse);
}
