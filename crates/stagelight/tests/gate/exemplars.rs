//! Exemplars name spans that are exported, whose requests are marked.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    metrics::v1::{Exemplar, HistogramDataPoint, exemplar, metric::Data},
    trace::v1::Span as Exported,
};
use stagelight::{
    catalog::{
        self,
        labels::{
            HttpRequestMethod, HttpResponseStatusCode, HttpRoute, NetworkProtocolVersion, UrlScheme,
        },
    },
    otel::{Protocol, Sampler},
};

use crate::support::{Bench, find, hex, stages};

/// Returns the histograms of the last export, by name.
fn histograms(bench: &Bench) -> BTreeMap<String, Vec<HistogramDataPoint>> {
    let exports = bench.sink.metrics();
    let last = exports.last().unwrap();
    let scopes = last.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let metrics = scopes.flat_map(|it| &it.metrics).filter_map(|it| match &it.data {
        Some(Data::Histogram(histogram)) => Some((it.name.clone(), histogram.data_points.clone())),
        _ => None,
    });
    metrics.collect()
}

fn exemplars(bench: &Bench) -> Vec<(String, Exemplar)> {
    let of_point = |name: String| move |it: Exemplar| (name.clone(), it);
    let points = histograms(bench).into_iter().flat_map(|(name, points)| {
        points.into_iter().flat_map(|it| it.exemplars).map(of_point(name)).collect::<Vec<_>>()
    });
    points.collect()
}

/// Returns which traces' requests are marked.
fn marked(spans: &[Exported]) -> BTreeSet<String> {
    let is_marked = |it: &&Exported| {
        it.attributes.iter().any(|it| {
            let value = it.value.as_ref().and_then(|it| it.value.clone());
            it.key == "stagelight.exemplar" && value == Some(Value::BoolValue(true))
        })
    };
    let marked = spans.iter().filter(is_marked);
    marked.inspect(|it| assert_eq!(it.name, "request")).map(|it| hex(&it.trace_id)).collect()
}

#[test]
fn every_exemplar_names_an_exported_span_of_a_marked_request() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let bench = Bench::with_protocol(Sampler::ParentBasedRatio(0.5), protocol);
        for _ in 0..100 {
            bench.serve(&[], |_| {
                stages();
                let labels = (
                    HttpRequestMethod::Get,
                    UrlScheme::Http,
                    Some(HttpResponseStatusCode::new("200")),
                    Some(HttpRoute::new("/chat")),
                    None,
                    NetworkProtocolVersion::Http11,
                );
                let values = [catalog::HTTP_SERVER_REQUEST_DURATION.value(1)];
                bench.telemetry.engine().record(&catalog::HTTP_SERVER, labels, &values);
            });
        }
        bench.check_measured(100);
        bench.telemetry.flush_blocking().unwrap();
        let exemplars = exemplars(&bench);
        let spans = bench.finish();
        let marked = marked(&spans);
        for (name, exemplar) in &exemplars {
            let span = spans.iter().find(|it| it.span_id == exemplar.span_id);
            let span = span.unwrap_or_else(|| panic!("{name}: no span {exemplar:?}"));
            assert_eq!(span.trace_id, exemplar.trace_id);
            assert!(marked.contains(&hex(&exemplar.trace_id)), "{name}: {exemplar:?}");
        }
        let names: BTreeSet<_> = exemplars.iter().map(|it| &*it.0).collect();
        let expected = [
            "backend.ttfb",
            "frontend.processing",
            "http.server.request.duration",
            "request.duration",
            "request.stage.busy",
            "request.stage.duration",
            "request.stage.share",
        ];
        assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_bucket_s_exemplar_is_in_its_bounds_and_in_its_interval() {
    let bench = Bench::new(Sampler::AlwaysOn);
    for _ in 0..20 {
        bench.serve(&[], |_| stages());
    }
    bench.telemetry.flush_blocking().unwrap();
    for point in histograms(&bench).into_values().flatten() {
        let mut buckets = BTreeSet::new();
        for exemplar in &point.exemplars {
            let Some(exemplar::Value::AsDouble(value)) = exemplar.value else { panic!("a double") };
            let bucket = point.explicit_bounds.iter().filter(|&&it| it < value).count();
            assert!(0 < point.bucket_counts[bucket], "{value} {point:?}");
            assert!(buckets.insert(bucket), "two exemplars in one bucket: {point:?}");
            let time = exemplar.time_unix_nano;
            assert!(point.start_time_unix_nano < time && time <= point.time_unix_nano);
        }
        let counted = point.bucket_counts.iter().filter(|it| 0 < **it).count();
        assert_eq!(buckets.len(), counted, "every bucket has one: all are sampled");
    }
    bench.telemetry.flush_blocking().unwrap();
    assert!(exemplars(&bench).is_empty(), "nothing was recorded since");
}

#[test]
fn a_stages_exemplar_names_the_stages_own_span() {
    let bench = Bench::new(Sampler::AlwaysOn);
    bench.serve(&[], |_| stages());
    bench.telemetry.flush_blocking().unwrap();
    let exemplars = exemplars(&bench);
    let spans = bench.finish();
    let named = |metric: &str| -> BTreeSet<_> {
        let of_metric = exemplars.iter().filter(|it| it.0 == metric);
        of_metric.map(|it| it.1.span_id.clone()).collect()
    };
    let ids = |names: &[&str]| -> BTreeSet<_> {
        names.iter().map(|it| find(&spans, it).span_id.clone()).collect()
    };
    assert_eq!(named("backend.ttfb"), ids(&["fetch"]));
    assert_eq!(named("request.stage.duration"), ids(&["auth", "fetch", "parse"]));
    assert_eq!(named("request.duration"), ids(&["request"]));
}

#[test]
fn without_sampled_requests_there_is_no_exemplar() {
    let bench = Bench::new(Sampler::AlwaysOff);
    bench.serve(&[], |_| stages());
    bench.telemetry.flush_blocking().unwrap();
    assert!(exemplars(&bench).is_empty());
}
