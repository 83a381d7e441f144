use std::{collections::BTreeMap, time::Duration};

use expect_test::expect;
use stagelight_core::Nanos;

use super::*;
use crate::breakdown::Breakdown;

fn summary(count: u64, seconds: f64) -> Summary {
    let sum = Duration::from_secs_f64(seconds * count as f64).into();
    Summary { count, sum, p50: Some(seconds), p95: Some(seconds * 2.0), p99: Some(seconds * 3.0) }
}

fn stage(stage: &str, group: &str, seconds: f64, share_percent: f64) -> Stage {
    Stage {
        stage: stage.to_owned(),
        group: group.to_owned(),
        count: 1_234,
        errors: 5,
        duration: summary(1_234, seconds),
        share: Nanos::new(0),
        share_percent,
        busy: Nanos::new(12_345_678),
    }
}

fn chat() -> Endpoint {
    let outcomes = [("ok", 1_200), ("error", 10), ("cancelled", 24), ("panic", 0)];
    Endpoint {
        endpoint: "/v1/chat/completions".to_owned(),
        requests: 1_234,
        outcomes: outcomes.map(|(it, n)| (it.to_owned(), n)).into(),
        duration: summary(1_234, 1.7),
        unattributed: Nanos::new(40_000_000_000),
        stages: vec![
            stage("request_parsing", "frontend_processing", 0.000_035, 0.02),
            stage("backend_fetch", "backend_response", 0.9, 52.9),
            stage("stream_processing", "stream_processing", 0.75, 45.1),
        ],
    }
}

fn table(endpoints: Vec<Endpoint>) -> String {
    Breakdown { duration: Nanos::new(30_000_000_000), endpoints }.to_table()
}

#[test]
fn an_endpoint_has_a_header_and_a_row_per_stage_and_for_unattributed() {
    let models = Endpoint {
        endpoint: "/v1/models".to_owned(),
        requests: 1,
        outcomes: BTreeMap::from([("ok".to_owned(), 1)]),
        duration: summary(1, 0.000_4),
        unattributed: Nanos::new(400_000),
        stages: vec![],
    };
    expect![[r#"
        /v1/chat/completions  1234 requests  1200 ok  10 error  24 cancelled
            p50 1.70 s  p95 3.40 s  p99 5.10 s
          stage                        count  errors      p50      p95      p99     busy              share
          request_parsing               1234       5  35.0 µs  70.0 µs   105 µs  12.3 ms               0.0%
          backend_fetch                 1234       5   900 ms   1.80 s   2.70 s  12.3 ms  █████       52.9%
          stream_processing             1234       5   750 ms   1.50 s   2.25 s  12.3 ms  █████       45.1%
          unattributed                     -       -        -        -        -        -               1.9%

        /v1/models  1 request  1 ok  p50 400 µs  p95 800 µs  p99 1.20 ms
          stage                        count  errors      p50      p95      p99     busy              share
          unattributed                     -       -        -        -        -        -  ██████████ 100.0%

        share: part of the requests' time, without overlap; busy: time spent being polled
    "#]].assert_eq(&table(vec![chat(), models]));
}

#[test]
fn without_requests_the_table_says_so() {
    assert_eq!(table(vec![]), "no request has ended yet\n");
}

#[test]
fn a_long_header_wraps() {
    let mut endpoint = chat();
    endpoint.endpoint = "/v1/organizations/{organization}/projects/{project}".to_owned();
    let table = table(vec![endpoint]);
    let head: Vec<_> = table.lines().take(2).collect();
    expect![[r#"
        /v1/organizations/{organization}/projects/{project}  1234 requests  1200 ok  10 error  24 cancelled
            p50 1.70 s  p95 3.40 s  p99 5.10 s"#]].assert_eq(&head.join("\n"));
}

#[test]
fn extreme_values_fit_100_columns() {
    let mut endpoint = chat();
    endpoint.endpoint = "/é日".repeat(60);
    endpoint.requests = u64::MAX;
    for outcome in Outcome::ALL {
        endpoint.outcomes.insert(outcome.as_str().to_owned(), u64::MAX);
    }
    endpoint.stages[0].stage = "stage\u{1b}[1m".repeat(60);
    endpoint.stages[0].count = u64::MAX;
    endpoint.stages[0].errors = 99_999_999;
    endpoint.stages[0].busy = Nanos::new(u64::MAX);
    endpoint.stages[0].duration = summary(1, 9e9);
    endpoint.stages[0].share_percent = 100.0;
    endpoint.unattributed = endpoint.duration.sum;
    for line in table(vec![endpoint]).lines() {
        assert!(line.width() <= COLUMNS, "{} columns: {line}", line.width());
    }
}
