//! A caller's trace context in three lines: `traceparent`, `tracestate` and `baggage`.

use std::{collections::BTreeMap, sync::LazyLock};

use http::HeaderValue;
use stagelight_core::{Engine, Outcome, Propagator};
use stagelight_otel::{Config, Environment, Exporter, Pipeline};
use stagelight_tracing::StageLayer;
use tracing::{Dispatch, dispatcher, info_span};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const NAMES: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// The longest propagated header: this multiple of the received one, plus 256 bytes.
const GROWTH: usize = 3;
const ROOM: usize = 256;

struct Fixture {
    engine: Engine,
    dispatch: Dispatch,
    _pipeline: Pipeline,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let environment = Environment::from_pairs([("OTEL_TRACES_SAMPLER_ARG", "0.5")]);
    let mut config = Config::from_env(&environment);
    config.traces_exporter = Exporter::None;
    config.metrics_exporter = Exporter::None;
    let engine = Engine::new();
    let pipeline = Pipeline::start(&engine, config).unwrap_or_else(|it| panic!("{it}"));
    let (layer, gate) = pipeline.request_traces::<Registry>();
    let layer = StageLayer::new(&engine).with_span_recorder(layer, gate);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    Fixture { engine, dispatch, _pipeline: pipeline }
});

/// Continues any trace context: keeps the id of a valid one, replaces an invalid one. Propagated
/// headers are well-formed and of limited length.
pub fn check(data: &[u8]) {
    let lines: Vec<_> = data.splitn(3, |&it| it == b'\n').collect();
    // Servers reject invalid header values, and the layer ignores non-text ones.
    let values: Vec<(&str, HeaderValue)> = NAMES
        .into_iter()
        .zip(&lines)
        .filter_map(|(name, value)| Some((name, HeaderValue::from_bytes(value).ok()?)))
        .collect();
    let given: BTreeMap<&str, &str> =
        values.iter().filter_map(|(name, value)| Some((*name, value.to_str().ok()?))).collect();
    let caller = |name: &str| given.get(name).map(|&it| it.to_owned());
    let sent = dispatcher::with_default(&FIXTURE.dispatch, || {
        let engine = &FIXTURE.engine;
        let mut request = engine.start_request("/x");
        let span = request.link_from(&caller, || info_span!("request", stagelight.endpoint = "/x"));
        let mut sent = BTreeMap::new();
        let propagator = engine.propagator().unwrap_or_else(|| panic!("no propagator"));
        inject(propagator, &span, &mut sent);
        request.end(Outcome::Ok);
        sent
    });

    let traceparent = sent.get("traceparent").map_or("", String::as_str);
    let trace =
        trace_of(traceparent).unwrap_or_else(|| panic!("invalid traceparent {traceparent:?}"));
    if let Some(given) = given.get("traceparent").and_then(|it| trace_of(it)) {
        assert_eq!(trace, given, "the trace is not continued");
    }
    for (name, value) in &sent {
        let is_text = value.bytes().all(|it| (b' '..=b'~').contains(&it) || it == b'\t');
        assert!(is_text, "{name}: {value:?}");
        let received = given.get(name.as_str()).map_or(0, |it| it.len());
        assert!(
            value.len() <= GROWTH * received + ROOM,
            "{name}: {} after {received}",
            value.len()
        );
    }
}

fn inject(propagator: &dyn Propagator, span: &tracing::Span, sent: &mut BTreeMap<String, String>) {
    propagator.inject(span, &mut |name, value| {
        sent.insert(name.to_owned(), value);
    });
}

/// Returns the trace id of a valid version-00 `traceparent`.
fn trace_of(text: &str) -> Option<&str> {
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return None };
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|it| b"0123456789abcdef".contains(&it))
    };
    let is_set = |text: &str| text.bytes().any(|it| it != b'0');
    let is_valid = version == "00" && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (is_valid && is_set(trace) && is_set(span)).then_some(trace)
}
