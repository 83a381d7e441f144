use expect_test::expect;
use opentelemetry_proto::tonic::{
    metrics::v1::{ResourceMetrics, ScopeMetrics},
    trace::v1::{ResourceSpans, ScopeSpans, Status},
};
use stagelight_core::{
    Engine,
    catalog::{
        self,
        labels::{Endpoint, HttpRequestMethod, Stage, UrlScheme},
    },
};

use super::*;
use crate::config::Histograms;
use crate::encode::{self, Period};

#[test]
fn each_data_point_is_a_line() {
    let engine = Engine::new();
    let labels = (Stage::new("auth_validation"), Endpoint::new("/v1/chat"));
    let values = [
        catalog::REQUEST_STAGE_DURATION.value(20_000_000),
        catalog::REQUEST_STAGE_SHARE.value(20_000_000),
        catalog::REQUEST_STAGE_BUSY.value(300_000),
    ];
    engine.record(&catalog::STAGE, labels, &values);
    let labels = (HttpRequestMethod::Get, UrlScheme::Http);
    engine.add(catalog::HTTP_SERVER_ACTIVE_REQUESTS, labels, -1);
    let metrics =
        encode::snapshot(&engine.snapshot(), Period { start: 1, end: 2 }, Histograms::Explicit);
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }],
    };
    expect![[r#"
        metric request.stage.duration [s] {stage=auth_validation, endpoint=/v1/chat} count=1 sum=0.02 ≤0.025:1
        metric request.stage.share [s] {stage=auth_validation, endpoint=/v1/chat} count=1 sum=0.02 ≤0.025:1
        metric request.stage.busy [s] {stage=auth_validation, endpoint=/v1/chat} count=1 sum=0.0003 ≤0.0005:1
        metric http.server.active_requests [{request}] {http.request.method=GET, url.scheme=http} -1
    "#]].assert_eq(&super::metrics(&request));
}

#[test]
fn each_span_is_a_line() {
    let root = Span {
        name: "POST /v1/chat".to_owned(),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        kind: 2,
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 1_500_000,
        attributes: vec![encode::attribute(
            "http.route",
            Value::StringValue("/v1/chat".to_owned()),
        )],
        ..Default::default()
    };
    let child = Span {
        name: "auth_validation".to_owned(),
        parent_span_id: vec![2; 8],
        span_id: vec![3; 8],
        kind: 1,
        attributes: Vec::new(),
        status: Some(Status { message: "denied".to_owned(), code: 2 }),
        ..root.clone()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![root, child], ..Default::default() }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }],
    };
    expect![[r#"
        span "POST /v1/chat" trace=01010101010101010101010101010101 id=0202020202020202 server 1.499ms {http.route=/v1/chat}
        span "auth_validation" trace=01010101010101010101010101010101 id=0303030303030303 parent=0202020202020202 internal 1.499ms error="denied"
    "#]].assert_eq(&spans(&request));
}
