//! Exponential histograms.
#![cfg(feature = "otlp-grpc")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, metric::Data};
use stagelight_core::{
    Clock, Engine,
    catalog::{
        self,
        labels::{Endpoint, Stage},
    },
};
use stagelight_otel::{Config, Environment, Histograms, Pipeline};
use testbed::OtlpSink;

const MILLI: u64 = 1_000_000;

/// Records a stage and a value of a user's instrument; returns the exported metrics by name.
fn exported(engine: &Engine, histograms: Histograms) -> Vec<(String, Data)> {
    let sink = OtlpSink::start().unwrap();
    let mut config = Config::from_env(&Environment::from_pairs([
        ("OTEL_SERVICE_NAME", "gateway"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.grpc_endpoint()),
    ]));
    config.histograms = histograms;
    let pipeline = Pipeline::start(engine, config).unwrap();
    for millis in [20, 20, 40] {
        let labels = (Stage::new("auth_validation"), Endpoint::new("/v1/chat"));
        let values = [
            catalog::REQUEST_STAGE_DURATION.value(millis * MILLI),
            catalog::REQUEST_STAGE_SHARE.value(0),
            catalog::REQUEST_STAGE_BUSY.value(1),
        ];
        engine.record(&catalog::STAGE, labels, &values);
    }
    let sizes = pipeline.meter("app").f64_histogram("app.size").with_boundaries(vec![1.0]).build();
    sizes.record(8.0, &[]);
    pipeline.shutdown().unwrap();
    let requests = sink.metrics();
    let scopes =
        requests.iter().flat_map(|it| &it.resource_metrics).flat_map(|it| &it.scope_metrics);
    let metrics = scopes.flat_map(|it| &it.metrics);
    let metrics = metrics.filter(|it| !it.name.starts_with("otel.sdk."));
    metrics.map(|it| (it.name.clone(), it.data.clone().unwrap())).collect()
}

fn exponential(data: &Data) -> Option<&ExponentialHistogramDataPoint> {
    match data {
        Data::ExponentialHistogram(histogram) => histogram.data_points.first(),
        _ => None,
    }
}

#[test]
fn all_histograms_are_exponential_and_hold_the_recorded_values() {
    let engine = Engine::with_fine_histograms(Clock::new());
    let exported = exported(&engine, Histograms::Exponential);
    let names: Vec<_> = exported.iter().map(|it| &*it.0).collect();
    let expected =
        ["app.size", "request.stage.duration", "request.stage.share", "request.stage.busy"];
    assert!(expected.iter().all(|it| names.contains(it)), "{names:?}");
    for (name, data) in &exported {
        let Data::ExponentialHistogram(_) = data else { continue };
        let point = exponential(data).unwrap();
        let buckets = point.positive.as_ref().unwrap();
        assert_eq!(buckets.bucket_counts.iter().sum::<u64>(), point.count, "{name}");
    }
    let duration = exported.iter().find(|it| it.0 == "request.stage.duration").unwrap();
    let point = exponential(&duration.1).unwrap();
    assert_eq!((point.count, point.scale, point.sum), (3, 5, Some(0.08)));
    let buckets = point.positive.as_ref().unwrap();
    // Bounds are 2^(index/32) s: 20 ms and 40 ms are 32 buckets apart.
    assert_eq!((buckets.bucket_counts.len(), buckets.bucket_counts[0]), (33, 2));
    assert_eq!(buckets.bucket_counts[32], 1);
    let lower = 2_f64.powf(f64::from(buckets.offset) / 32.0);
    assert!(lower < 0.02 && 0.02 <= lower * 2_f64.powf(1.0 / 32.0), "{lower}");
    assert!(exported.iter().all(|it| !matches!(it.1, Data::Histogram(_))));
}

#[test]
fn an_engine_without_fine_histograms_exports_those_it_has_as_exponential() {
    let exported = exported(&Engine::new(), Histograms::Exponential);
    let kind = |name: &str| {
        let data = &exported.iter().find(|it| it.0 == name).unwrap().1;
        matches!(data, Data::ExponentialHistogram(_))
    };
    assert!(kind("request.stage.duration"));
    assert!(!kind("request.stage.share"));
}

#[test]
fn histograms_are_explicit_by_default() {
    let exported = exported(&Engine::new(), Histograms::default());
    assert!(exported.iter().all(|it| exponential(&it.1).is_none()));
    assert!(exported.iter().any(|it| matches!(it.1, Data::Histogram(_))));
}
