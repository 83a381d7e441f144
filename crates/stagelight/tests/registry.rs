//! OpenTelemetry's layer makes the same traces on our registry as on the plain one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::HashMap, thread};

use opentelemetry::{
    Context, SpanId,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider};
use tracing::{Dispatch, Span, dispatcher, info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::LevelFilter, layer::SubscriberExt};

/// Runs spans with `dispatch`, which exports to `exporter`, and returns the exported spans, one per
/// line and sorted.
fn exported(dispatch: &Dispatch, exporter: &InMemorySpanExporter) -> Vec<String> {
    dispatcher::with_default(dispatch, scenario);
    let spans = exporter.get_finished_spans().unwrap();
    let names: HashMap<_, _> =
        spans.iter().map(|it| (it.span_context.span_id(), it.name.clone())).collect();
    let line = |it: &opentelemetry_sdk::trace::SpanData| {
        let parent = match it.parent_span_id {
            SpanId::INVALID => "nothing".into(),
            id => names.get(&id).cloned().unwrap_or_else(|| "a caller".into()),
        };
        let events: Vec<_> = it.events.iter().map(|event| event.name.clone()).collect();
        let links: Vec<_> =
            it.links.iter().map(|link| names[&link.span_context.span_id()].clone()).collect();
        format!("{} below {parent}, events {events:?}, links {links:?}", it.name)
    };
    let mut lines: Vec<_> = spans.iter().map(line).collect();
    lines.sort();
    lines
}

fn scenario() {
    let request = info_span!("request");
    let caller = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    request.set_parent(Context::new().with_remote_span_context(caller)).unwrap();
    request.in_scope(|| {
        let stage = info_span!("stage", stage = "auth").entered();
        info!("in the stage");
        assert_eq!(trace_of(&Span::current()), TraceId::from(7));
        info_span!("inner").in_scope(|| info!("in the inner"));
        drop(stage);
        let dispatch = dispatcher::get_default(Clone::clone);
        let there = || {
            dispatcher::with_default(&dispatch, || {
                request.in_scope(|| info_span!("on_another_thread").in_scope(|| {}));
                info_span!(parent: &request, "explicit").in_scope(|| {});
            });
        };
        thread::scope(|scope| scope.spawn(there).join().unwrap());
        let linked = info_span!("linked");
        linked.follows_from(&request);
    });
    let alone = info_span!("alone");
    assert_ne!(trace_of(&alone), TraceId::INVALID);
    assert_ne!(trace_of(&alone), TraceId::from(7));
}

fn trace_of(span: &Span) -> TraceId {
    span.context().span().span_context().trace_id()
}

fn tracer() -> (SdkTracer, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    (provider.tracer("test"), exporter)
}

#[test]
fn traces_have_the_same_parents_events_and_links() {
    let (sdk, exporter) = tracer();
    let layer = tracing_opentelemetry::layer().with_tracer(sdk);
    let plain = exported(&Dispatch::new(tracing_subscriber::registry().with(layer)), &exporter);
    let (sdk, exporter) = tracer();
    let layer = tracing_opentelemetry::layer().with_tracer(sdk);
    let ours = exported(&Dispatch::new(stagelight::registry().with(layer)), &exporter);
    assert_eq!(ours, plain);
    assert!(
        plain.contains(&r#"stage below request, events ["in the stage"], links []"#.to_owned()),
        "{plain:?}"
    );
    assert_eq!(plain.len(), 7, "{plain:?}");
}

#[test]
fn a_filter_on_the_trace_layer_takes_nothing_else() {
    let (sdk, exporter) = tracer();
    let layer = tracing_opentelemetry::layer().with_tracer(sdk).with_filter(LevelFilter::INFO);
    let subscriber = stagelight::registry().with(LevelFilter::TRACE).with(layer);
    assert_eq!(exported(&Dispatch::new(subscriber), &exporter).len(), 7);
}
