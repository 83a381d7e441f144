//! A service whose traces go to a sink.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::Span as Exported;
use stagelight::{
    Builder, Telemetry, catalog,
    catalog::{Family, Label, labels},
    engine::Outcome,
    otel::{Config, Environment, Pipeline, Protocol, Sampler},
};
use stagelight_tracing::StageLayer;
use testbed::OtlpSink;
use tracing::{Dispatch, Span, info_span};
use tracing_subscriber::prelude::*;

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const CALLER_SPAN: &str = "b7ad6b7169203331";

pub(crate) struct Bench {
    pub(crate) telemetry: Telemetry,
    pub(crate) dispatch: Dispatch,
    pub(crate) sink: OtlpSink,
    /// Exports in place of the telemetry, in [`Bench::of_separate_layers`].
    pipeline: Option<Pipeline>,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new(sampler: Sampler) -> Self {
        Self::with_protocol(sampler, Protocol::Grpc)
    }

    pub(crate) fn with_protocol(sampler: Sampler, protocol: Protocol) -> Self {
        Self::with(protocol, &[], |builder| builder.sampler(sampler))
    }

    /// A service with these variables in its environment, and settings that `change` changes.
    pub(crate) fn with(
        protocol: Protocol,
        pairs: &[(&str, &str)],
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let (builder, sink) = builder(protocol, pairs);
        let telemetry = change(builder).build().unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
        Self { dispatch: Dispatch::new(subscriber), telemetry, sink, pipeline: None }
    }

    /// The same with two independent layers: one measures, one records traces.
    pub(crate) fn of_separate_layers(sampler: Sampler) -> Self {
        let (builder, sink) = builder(Protocol::Grpc, &[]);
        let mut settings: Option<Config> = None;
        let builder = builder.sampler(sampler).configure(|it| settings = Some(it.clone()));
        let telemetry = builder.disabled(true).build().unwrap();
        let pipeline = Pipeline::start(telemetry.engine(), settings.unwrap()).unwrap();
        let subscriber = tracing_subscriber::registry()
            .with(StageLayer::new(telemetry.engine()))
            .with(pipeline.tracing_layer());
        let dispatch = Dispatch::new(subscriber);
        Self { dispatch, telemetry, sink, pipeline: Some(pipeline) }
    }

    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// Serves one request that came with these headers, doing `work` within its span.
    pub(crate) fn serve<R>(&self, headers: &[(&str, &str)], work: impl FnOnce(&Span) -> R) -> R {
        self.serve_at("/chat", headers, work)
    }

    /// The same at another endpoint.
    pub(crate) fn serve_at<R>(
        &self,
        endpoint: &str,
        headers: &[(&str, &str)],
        work: impl FnOnce(&Span) -> R,
    ) -> R {
        self.run(|| {
            let mut request = self.telemetry.engine().start_request(endpoint);
            let header =
                |name: &str| headers.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            let span = request
                .link_from(&header, || info_span!("request", stagelight.endpoint = endpoint));
            let result = span.in_scope(|| work(&span));
            request.end(Outcome::Ok);
            result
        })
    }

    /// Returns the headers that a backend is sent from within a span.
    pub(crate) fn sent_from(&self, span: &Span) -> BTreeMap<String, String> {
        let mut sent = BTreeMap::new();
        let propagator = self.telemetry.engine().propagator().unwrap();
        propagator.inject(span, &mut |name, value| {
            sent.insert(name.to_owned(), value);
        });
        sent
    }

    /// Ends the service, and returns the spans that arrived.
    pub(crate) fn finish(self) -> Vec<Exported> {
        self.telemetry.shutdown_blocking().unwrap();
        self.pipeline.map_or(Ok(()), |it| it.shutdown()).unwrap();
        self.sink.spans()
    }

    /// Returns how many values the first metric of a family has, by a label.
    pub(crate) fn counts(&self, family: &'static Family, by: &Label) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for series in self.telemetry.engine().snapshot().of(family) {
            let count = series.points[0].histogram().map_or(0, |it| it.count());
            *counts.entry(series.value(by).to_owned()).or_default() += count;
        }
        counts
    }

    /// Checks that this many requests of [`stages`] were measured, to the last one.
    #[track_caller]
    pub(crate) fn check_measured(&self, requests: u64) {
        let expected = BTreeMap::from([("ok".to_owned(), requests)]);
        assert_eq!(self.counts(&catalog::REQUEST, Outcome::LABEL), expected);
        let stages = self.counts(&catalog::STAGE, labels::Stage::LABEL);
        let expected = STAGES.map(|it| (it.to_owned(), requests)).into_iter();
        let expected: BTreeMap<_, _> = expected.chain([("unattributed".to_owned(), 0)]).collect();
        assert_eq!(stages, expected);
    }
}

fn builder(protocol: Protocol, pairs: &[(&str, &str)]) -> (Builder, OtlpSink) {
    let sink = OtlpSink::start().unwrap();
    let endpoint = match protocol {
        Protocol::Grpc => sink.grpc_endpoint(),
        _ => sink.http_endpoint(),
    };
    let queue = ("OTEL_BSP_MAX_QUEUE_SIZE", "100000");
    let environment = Environment::from_pairs([queue].into_iter().chain(pairs.iter().copied()));
    (Builder::from_env(&environment).otlp_protocol(protocol).otlp_endpoint(&endpoint), sink)
}

pub(crate) const STAGES: [&str; 3] = ["auth_validation", "backend_fetch", "request_parsing"];

/// Goes through three stages, with a span in one that is none.
pub(crate) fn stages() {
    info_span!("parse", stage = "request_parsing").in_scope(|| {});
    info_span!("auth", stage = "auth_validation").in_scope(|| {
        info_span!("plain", size = 3).in_scope(|| tracing::info!("an event"));
    });
    info_span!("fetch", stage = "backend_fetch", model = "m").in_scope(|| {});
}

pub(crate) fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER_SPAN}-{flags}")
}

pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|it| format!("{it:02x}")).collect()
}

#[track_caller]
pub(crate) fn find<'a>(spans: &'a [Exported], name: &str) -> &'a Exported {
    spans.iter().find(|it| it.name == name).unwrap()
}
