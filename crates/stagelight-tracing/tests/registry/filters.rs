//! Global filters and filters on layers.

use tracing::{Dispatch, dispatcher, info, warn};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, filter_fn},
    layer::SubscriberExt,
    reload,
};

use crate::{
    log::Log,
    observer::Observer,
    same::{alone, same},
};

#[test]
fn a_filter_on_a_layer_does_not_affect_a_layer_without_one() {
    let text = same!(|registry, log| registry
        .with(log.fmt())
        .with(log.fmt().with_filter(LevelFilter::WARN)));
    assert!(text.contains("in request"), "{text}");
    same!(|registry, log| registry.with(log.fmt().with_filter(LevelFilter::WARN)).with(log.fmt()));
}

#[test]
fn events_that_all_filters_reject_are_disabled() {
    let text = same!(|registry, log| registry
        .with(log.fmt().with_filter(LevelFilter::WARN))
        .with(Observer(log.clone()).with_filter(LevelFilter::ERROR)));
    assert!(!text.contains("in request"), "{text}");
}

#[test]
fn a_filtered_layer_receives_the_remaining_spans() {
    let text = same!(|registry, log| registry
        .with(Observer(log.clone()).with_filter(filter_fn(|it| it.name() != "stage")))
        .with(log.fmt()));
    assert!(
        text.contains(r#"new, contextual true Some("plain") in Some(["plain", "request""#),
        "{text}"
    );
}

#[test]
fn a_global_filter_disables_spans_for_all_layers() {
    for level in [LevelFilter::OFF, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::TRACE] {
        same!(|registry, log| registry.with(level).with(Observer(log.clone())).with(log.fmt()));
        same!(|registry, log| registry.with(Observer(log.clone())).with(log.fmt()).with(level));
    }
}

#[test]
fn directives_for_spans_apply_inside_them() {
    for directives in
        ["info,[stage{stage=auth}]=debug", "warn,[request]=trace", "[level]=info", "off"]
    {
        let filter = || EnvFilter::new(directives);
        same!(|registry, log| registry.with(filter()).with(log.fmt()));
        same!(|registry, log| registry.with(log.fmt()).with(filter()));
        same!(|registry, log| registry
            .with(log.fmt().with_filter(filter()))
            .with(Observer(log.clone())));
    }
    let text = same!(|registry, log| registry
        .with(EnvFilter::new("info,[stage{stage=auth}]=debug"))
        .with(log.fmt()));
    assert_eq!(text.matches("details").count(), 1, "{text}");
}

#[test]
fn optional_and_boxed_layers_fit() {
    same!(|registry, log| registry.with(None::<LevelFilter>).with(log.fmt()));
    same!(|registry, log| registry
        .with(log.fmt().boxed())
        .with(vec![log.fmt().boxed(), log.fmt().boxed()]));
}

#[test]
fn a_reloaded_filter_applies_from_then_on() {
    let _alone = alone();
    fn run(dispatch: &Dispatch, change: impl Fn(LevelFilter), log: &Log) -> String {
        dispatcher::with_default(dispatch, || {
            for level in [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::OFF] {
                change(level);
                let _span = tracing::info_span!("span", %level).entered();
                info!("an info");
                warn!("a warning");
            }
        });
        log.text()
    }
    macro_rules! reloaded {
        ($registry:expr, $wrap:expr) => {{
            let log = Log::default();
            let (filter, handle) = reload::Layer::new(LevelFilter::TRACE);
            let dispatch = Dispatch::new($wrap($registry, filter, &log));
            run(&dispatch, |level| handle.reload(level).unwrap(), &log)
        }};
    }
    macro_rules! global {
        () => {
            |registry, filter, log: &Log| SubscriberExt::with(registry, filter).with(log.fmt())
        };
    }
    macro_rules! on_a_layer {
        () => {
            |registry, filter, log: &Log| {
                SubscriberExt::with(registry, log.fmt()).with(log.fmt().with_filter(filter))
            }
        };
    }
    let plain = reloaded!(tracing_subscriber::registry(), global!());
    assert_eq!(reloaded!(stagelight_tracing::registry(), global!()), plain);
    assert!(plain.contains("an info"), "{plain}");
    let plain = reloaded!(tracing_subscriber::registry(), on_a_layer!());
    assert_eq!(reloaded!(stagelight_tracing::registry(), on_a_layer!()), plain);
}
