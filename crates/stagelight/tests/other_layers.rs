//! Other projects' layers see the same spans beside stagelight's, and do not change its
//! measurements.

use sentry_core::{
    ClientOptions, Envelope,
    protocol::{EnvelopeItem, Transaction},
};
use stagelight::{catalog, catalog::labels, engine::Engine};
use stagelight_tracing::StageLayer;
use tracing::{info, info_span};
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// What a request with two stages, one within the other, looks like to an application.
fn serve() {
    let request = info_span!("request", stagelight.endpoint = "/chat");
    let _request = request.enter();
    let _parse = info_span!("parse", stage = "request_parsing", size = 3).entered();
    let _inner = info_span!("inner", stage = "auth_validation").entered();
    info!(answer = 42, "parsed");
}

fn transactions(envelopes: &[Envelope]) -> Vec<Transaction<'static>> {
    let transaction = |item: &EnvelopeItem| match item {
        EnvelopeItem::Transaction(transaction) => Some((**transaction).clone()),
        _ => None,
    };
    envelopes.iter().flat_map(Envelope::items).filter_map(transaction).collect()
}

/// Returns Sentry's transaction of the request: its name, and its spans' names and fields.
fn seen_by_sentry(engine: Option<&Engine>) -> String {
    let options = ClientOptions::new().traces_sample_rate(1.0);
    let stages = engine.map(StageLayer::new);
    let subscriber = tracing_subscriber::registry().with(stages).with(sentry_tracing::layer());
    let envelopes = sentry_core::test::with_captured_envelopes_options(
        || tracing::subscriber::with_default(subscriber, serve),
        options,
    );
    let transactions = transactions(&envelopes);
    assert_eq!(transactions.len(), 1);
    let spans = transactions[0].spans.iter().map(|it| format!("{:?} {:?}", it.op, it.data));
    format!("{:?} {:?}", transactions[0].name, spans.collect::<Vec<_>>())
}

/// Returns the stages that were measured.
fn stages(engine: &Engine) -> Vec<String> {
    let snapshot = engine.snapshot();
    snapshot.of(&catalog::STAGE).map(|it| it.value(labels::Stage::LABEL).to_owned()).collect()
}

#[test]
fn sentry_makes_the_same_transaction() {
    let engine = Engine::new();
    let with_stages = seen_by_sentry(Some(&engine));
    assert_eq!(with_stages, seen_by_sentry(None));
    assert!(with_stages.contains("inner"), "{with_stages}");
    assert_eq!(stages(&engine), ["auth_validation", "request_parsing", "unattributed"]);
}

#[test]
fn a_filter_on_another_layer_is_not_ours() {
    let engine = Engine::new();
    let quiet = tracing_subscriber::fmt::layer()
        .with_writer(std::io::sink)
        .with_filter(tracing_subscriber::filter::LevelFilter::ERROR);
    let subscriber = tracing_subscriber::registry().with(quiet).with(StageLayer::new(&engine));
    tracing::subscriber::with_default(subscriber, serve);
    let snapshot = engine.snapshot();
    let request = snapshot.of(&catalog::REQUEST).next().unwrap();
    assert_eq!(request.value(labels::Endpoint::LABEL), "/chat");
    assert_eq!(stages(&engine), ["auth_validation", "request_parsing", "unattributed"]);
}
