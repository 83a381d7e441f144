use std::time::Duration;

use proptest::prelude::*;
use stagelight_core::{Clock, Engine};

use super::*;
use crate::breakdown::Breakdown;

fn engine() -> Engine {
    Engine::with_clock(Clock::manual().0)
}

fn breakdown(engine: &Engine) -> Breakdown {
    Breakdown::from_snapshot(&engine.snapshot(), Duration::from_secs(2), |it| engine.group_of(it))
}

/// Records one request with its stages' shares, as the engine does when a request ends.
fn request(engine: &Engine, outcome: Outcome, shares: &[(&str, u64)]) {
    let total = shares.iter().map(|it| it.1).sum();
    let values = [catalog::REQUEST_DURATION.value(total)];
    engine.record(&catalog::REQUEST, (labels::Endpoint::new("/chat"), outcome), &values);
    for (stage, share) in shares {
        let labels = (labels::Stage::new(stage), labels::Endpoint::new("/chat"));
        engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_SHARE.value(*share)]);
    }
}

fn add_errors(engine: &Engine, stage: &str, endpoint: &str, error_type: &str, count: i64) {
    let labels = (
        labels::Stage::new(stage),
        labels::Endpoint::new(endpoint),
        labels::ErrorType::new(error_type),
    );
    engine.add(catalog::REQUEST_STAGE_ERRORS, labels, count);
}

#[test]
fn stages_are_ordered_by_group_then_name() {
    let engine = engine();
    engine.register_stage("zip", Group::StreamProcessing);
    let shares = [
        ("cache", 1),
        ("zip", 1),
        ("stream_processing", 1),
        ("backend_fetch", 1),
        ("request_parsing", 1),
        ("auth_validation", 1),
        (UNATTRIBUTED, 1),
    ];
    request(&engine, Outcome::Ok, &shares);
    let stages: Vec<_> = breakdown(&engine).endpoints[0]
        .stages
        .iter()
        .map(|it| format!("{}/{}", it.group, it.stage))
        .collect();
    assert_eq!(
        stages,
        [
            "frontend_processing/auth_validation",
            "frontend_processing/request_parsing",
            "backend_response/backend_fetch",
            "stream_processing/stream_processing",
            "stream_processing/zip",
            "other/cache",
        ]
    );
}

#[test]
fn requests_are_counted_by_outcome_and_in_total() {
    let engine = engine();
    request(&engine, Outcome::Ok, &[(UNATTRIBUTED, 1_000_000_000)]);
    request(&engine, Outcome::Ok, &[(UNATTRIBUTED, 1_000_000_000)]);
    request(&engine, Outcome::Cancelled, &[(UNATTRIBUTED, 4_000_000_000)]);
    let endpoint = &breakdown(&engine).endpoints[0];
    assert_eq!((endpoint.requests, endpoint.duration.count), (3, 3));
    assert_eq!(endpoint.duration.sum, Nanos::new(6_000_000_000));
    let outcomes: Vec<_> = endpoint.outcomes.iter().map(|(it, n)| (it.as_str(), *n)).collect();
    let expected = [("cancelled", 1), ("error", 0), ("ok", 2), ("panic", 0), ("timeout", 0)];
    assert_eq!(outcomes, expected);
    // Quantiles cover all outcomes: the median is an ok request's, p99 the cancelled one's.
    let near = |it: Option<f64>, expected: f64| (it.unwrap() / expected - 1.0).abs() < 0.012;
    assert!(near(endpoint.duration.p50, 1.0) && near(endpoint.duration.p99, 4.0));
}

#[test]
fn errors_of_a_stage_are_summed_over_types() {
    let engine = engine();
    let labels = (labels::Stage::new("fetch"), labels::Endpoint::new("/chat"));
    let values = [catalog::REQUEST_STAGE_DURATION.value(5), catalog::REQUEST_STAGE_BUSY.value(3)];
    engine.record(&catalog::STAGE, labels, &values);
    add_errors(&engine, "fetch", "/chat", "timeout", 2);
    add_errors(&engine, "fetch", "/chat", "500", 1);
    add_errors(&engine, "fetch", "/other", "500", 7);
    let stage = &breakdown(&engine).endpoints[0].stages[0];
    assert_eq!((stage.count, stage.errors, stage.busy), (1, 3, Nanos::new(3)));
}

#[test]
fn an_endpoint_without_an_ended_request_has_no_quantiles() {
    let engine = engine();
    let labels = (labels::Stage::new("fetch"), labels::Endpoint::new("/chat"));
    engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_DURATION.value(5)]);
    let endpoint = &breakdown(&engine).endpoints[0];
    assert_eq!(endpoint.duration, Summary::default());
    assert_eq!(endpoint.stages[0].share_percent, 0.0);
    let json = serde_json::to_value(endpoint).unwrap();
    assert!(json["duration_seconds"]["p50"].is_null());
}

#[test]
fn an_interval_contains_only_later_requests() {
    let engine = engine();
    request(&engine, Outcome::Ok, &[("a", 100), (UNATTRIBUTED, 20)]);
    add_errors(&engine, "a", "/chat", "500", 5);
    let earlier = engine.snapshot();
    request(&engine, Outcome::Error, &[("b", 7), (UNATTRIBUTED, 1)]);
    add_errors(&engine, "b", "/chat", "500", 1);
    let difference = engine.snapshot().since(&earlier);
    let interval =
        Breakdown::from_snapshot(&difference, Duration::from_secs(1), Group::of_well_known);
    let endpoint = &interval.endpoints[0];
    assert_eq!((endpoint.requests, endpoint.outcomes["error"]), (1, 1));
    assert_eq!((endpoint.duration.sum, endpoint.unattributed), (Nanos::new(8), Nanos::new(1)));
    let stages: Vec<_> = endpoint.stages.iter().map(|it| (&*it.stage, it.errors)).collect();
    assert_eq!(stages, [("b", 1)]);

    let nothing = engine.snapshot().since(&engine.snapshot());
    let interval = Breakdown::from_snapshot(&nothing, Duration::from_secs(1), Group::of_well_known);
    assert_eq!(interval.endpoints, []);
}

#[test]
fn the_document_has_the_documented_field_names() {
    let engine = engine();
    request(&engine, Outcome::Ok, &[("request_parsing", 250_000_000), (UNATTRIBUTED, 750_000_000)]);
    let labels = (labels::Stage::new("request_parsing"), labels::Endpoint::new("/chat"));
    let values = [
        catalog::REQUEST_STAGE_DURATION.value(250_000_000),
        catalog::REQUEST_STAGE_BUSY.value(1_000),
    ];
    engine.record(&catalog::STAGE, labels, &values);
    let mut json = serde_json::to_value(breakdown(&engine)).unwrap();
    // Quantiles are approximate and tested above; only their presence matters here.
    for summary in ["/endpoints/0", "/endpoints/0/stages/0"] {
        let summary = json.pointer_mut(&format!("{summary}/duration_seconds")).unwrap();
        for quantile in ["p50", "p95", "p99"] {
            assert!(summary[quantile].is_f64());
            summary[quantile] = "…".into();
        }
    }
    expect_test::expect![[r#"
        {
          "duration_seconds": 2.0,
          "endpoints": [
            {
              "duration_seconds": {
                "count": 1,
                "p50": "…",
                "p95": "…",
                "p99": "…",
                "sum": 1.0
              },
              "endpoint": "/chat",
              "outcomes": {
                "cancelled": 0,
                "error": 0,
                "ok": 1,
                "panic": 0,
                "timeout": 0
              },
              "requests": 1,
              "stages": [
                {
                  "busy_seconds": 1e-6,
                  "count": 1,
                  "duration_seconds": {
                    "count": 1,
                    "p50": "…",
                    "p95": "…",
                    "p99": "…",
                    "sum": 0.25
                  },
                  "errors": 0,
                  "group": "frontend_processing",
                  "share_percent": 25.0,
                  "share_seconds": 0.25,
                  "stage": "request_parsing"
                }
              ],
              "unattributed_seconds": 0.75
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn an_invalid_duration_is_rejected() {
    for bad in ["-1", "1e10", "null", "\"2s\""] {
        let document = format!(r#"{{"duration_seconds": {bad}, "endpoints": []}}"#);
        assert!(serde_json::from_str::<Breakdown>(&document).is_err(), "{bad}");
    }
}

/// Requests with seven shares of up to a day each.
fn requests() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let shares = prop::collection::vec(0_u64..86_400_000_000_000, 7);
    prop::collection::vec(shares, 1..20)
}

proptest! {
    #[test]
    fn shares_and_unattributed_add_up_to_the_duration(requests in requests()) {
        let engine = engine();
        let names = ["a", "b", "c", "backend_fetch", "auth_validation", "z", UNATTRIBUTED];
        for (index, shares) in requests.iter().enumerate() {
            let shares: Vec<_> = names.into_iter().zip(shares.iter().copied()).collect();
            request(&engine, Outcome::ALL[index % 5], &shares);
        }
        let breakdown = breakdown(&engine);
        let endpoint = &breakdown.endpoints[0];

        let shares: u64 = endpoint.stages.iter().map(|it| it.share.get()).sum();
        prop_assert_eq!(shares + endpoint.unattributed.get(), endpoint.duration.sum.get());

        // The same for the document's seconds.
        let json = serde_json::to_value(&breakdown).unwrap();
        let json = &json["endpoints"][0];
        let share = |it: &serde_json::Value| it["share_seconds"].as_f64().unwrap();
        let shares: f64 = json["stages"].as_array().unwrap().iter().map(share).sum();
        let sum = shares + json["unattributed_seconds"].as_f64().unwrap();
        let duration = json["duration_seconds"]["sum"].as_f64().unwrap();
        // Within 1e-9 up to a few days; beyond that, within the rounding of eight additions.
        prop_assert!((sum - duration).abs() < 1e-9_f64.max(duration * 8.0 * f64::EPSILON));

        let rest = percent(endpoint.unattributed, endpoint.duration.sum);
        let percent: f64 = endpoint.stages.iter().map(|it| it.share_percent).sum();
        prop_assert!(endpoint.duration.sum.get() == 0 || (percent + rest - 100.0).abs() < 1e-9);
    }

    #[test]
    fn the_document_round_trips(requests in requests()) {
        let engine = engine();
        for shares in &requests {
            request(&engine, Outcome::Ok, &[("a", shares[0]), (UNATTRIBUTED, shares[1])]);
        }
        let written = breakdown(&engine);
        let json = serde_json::to_string(&written).unwrap();
        let read: Breakdown = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, written);
    }
}
