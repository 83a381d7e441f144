//! Every shipped query, executed on a real Prometheus behind the example gateway under load.
//!
//! One stack serves all checks. It runs a mixed load, a new version is deployed during the load,
//! and all queries are repeated until none has a problem or the time is over.

mod load;
mod response;
mod promql;
mod dimension;
mod dashboards;
mod variables;
mod exceptions;
mod checker;
mod panels;
mod rules;
mod pictures;

use std::{thread, time::Duration};

use serde_json::json;
use testbed::{
    StackOptions, Tools,
    clock::{Stopwatch, unix_seconds},
};

use crate::{
    alert_receiver::AlertReceiver,
    fixture::{Fixture, options},
    queries::CONTRACT,
};

use self::{
    checker::Checker,
    dashboards::Dashboard,
    dimension::Recorded,
    load::{GATEWAY_TIMEOUT, Load, Trouble},
    response::Span,
    variables::Choice,
};

/// How long the first version runs, for comparison with the second.
const BEFORE: Duration = Duration::from_secs(10);
/// How long the service runs without its collector.
const OUTAGE: Duration = Duration::from_secs(4);
/// Time limit for all queries to succeed. Rules on whole hours need a full minute.
const TIMEOUT: Duration = Duration::from_secs(180);
/// Divisor of the durations in rules: an hour becomes a minute.
const ALERT_SPEED: u32 = 60;
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// The dashboards that query services' histograms.
const WITH_HISTOGRAMS: [&str; 3] =
    ["stagelight-service-overview", "stagelight-stage-breakdown", "stagelight-streaming"];
/// The file for the data of `cargo xtask pictures`.
const PICTURES: &str = "STAGELIGHT_PICTURES_DATA";
/// How long each of the two versions runs for a picture.
const PICTURE_TIME: Duration = Duration::from_secs(210);
/// Seconds until the windows of rates are full, when pictures begin.
const FULL: f64 = 60.0;

/// A stack under load after an outage of the collector and a deployment.
struct LoadedStack {
    // Fields are dropped in this order: the load ends before the servers.
    _load: Load,
    fixture: Fixture,
    started: f64,
}

#[test]
fn every_shipped_query_has_results_on_a_stack_under_load() {
    let stack = LoadedStack::start(BEFORE, Trouble::Much, ALERT_SPEED);
    let dashboards: Vec<_> = [contract()].into_iter().chain(Dashboard::shipped()).collect();

    retry(|| stack.check(&dashboards, Choice::All));
    retry(|| stack.check(&dashboards, Choice::One));

    stack.fixture.stack.check().unwrap();
}

#[test]
fn dashboards_work_with_native_histograms() {
    let mut options = version(&AlertReceiver::start(), "1.0.0", &[]);
    options.alert_speed = ALERT_SPEED;
    options.gateway_env.push((
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION".to_owned(),
        "base2_exponential_bucket_histogram".to_owned(),
    ));
    // The gateway's own page has classic histograms.
    options.scrape_interval = None;
    let fixture = Fixture::start(&options);
    let started = unix_seconds();
    let _load = Load::start(&fixture.client, Trouble::Much);
    let mut dashboards = Dashboard::shipped();
    dashboards.retain(|it| WITH_HISTOGRAMS.contains(&it.uid.as_str()));
    assert_eq!(dashboards.len(), WITH_HISTOGRAMS.len());
    thread::sleep(BEFORE);

    retry(|| {
        let span = Span { from: started, to: unix_seconds() - 1.0 };
        let checker = Checker::new(&fixture.prometheus, span, Recorded::new());
        for dashboard in &dashboards {
            panels::check(&checker, dashboard, Choice::All);
        }
        checker
    });

    let classic = "count({__name__=~\".+_bucket\", job=\"llm-gateway\"})";
    assert_eq!(fixture.prometheus.number(classic), None);
}

#[test]
fn every_exception_names_a_metric_of_its_program() {
    exceptions::check(&Tools::find_or_build().unwrap());
}

#[test]
#[ignore = "takes minutes; `cargo xtask pictures` runs it"]
fn what_pictures_are_drawn_from_is_written() {
    let file = std::env::var_os(PICTURES).expect(PICTURES);
    let stack = LoadedStack::start(PICTURE_TIME, Trouble::Little, ALERT_SPEED / 6);
    thread::sleep(PICTURE_TIME);
    let span = Span { from: stack.started + FULL, ..stack.span() };
    pictures::write(file.as_ref(), &stack.fixture.prometheus, span);
}

// === impl LoadedStack ===

impl LoadedStack {
    /// Runs the first version for `before`, then breaks telemetry, then deploys the second version.
    fn start(before: Duration, trouble: Trouble, alert_speed: u32) -> Self {
        let receiver = AlertReceiver::start();
        let options = |number: &str, arguments: &[&str]| StackOptions {
            alert_speed,
            ..version(&receiver, number, arguments)
        };
        let mut fixture = Fixture::start(&options("1.0.0", &[]));
        let started = unix_seconds();
        let load = Load::start(&fixture.client, trouble);
        thread::sleep(before);
        lose_telemetry(&fixture);
        fixture
            .stack
            .redeploy_gateway(&options("1.1.0", &["--slow=request_preparation=30ms"]))
            .unwrap();
        Self { _load: load, fixture, started }
    }

    /// Returns the time range with data.
    fn span(&self) -> Span {
        Span { from: self.started, to: unix_seconds() - 1.0 }
    }

    /// Checks all rules and dashboards once, with this choice of variables.
    fn check(&self, dashboards: &[Dashboard], choice: Choice) -> Checker<'_> {
        let prometheus = &self.fixture.prometheus;
        let rules = rules::all(prometheus);
        let recorded = rules::recorded(prometheus, &rules);
        let checker = Checker::new(prometheus, self.span(), recorded);
        rules::check(&checker, &rules);
        for dashboard in dashboards {
            panels::check(&checker, dashboard, choice);
        }
        checker.add_unused_exceptions();
        checker
    }
}

/// Repeats the checks until there is no problem; panics with the problems after the time limit.
fn retry<'a>(check: impl Fn() -> Checker<'a>) {
    let waiting = Stopwatch::start();
    loop {
        let checker = check();
        if !checker.has_problems() {
            return;
        }
        assert!(waiting.elapsed() < TIMEOUT, "{checker}");
        thread::sleep(RETRY_INTERVAL);
    }
}

/// Causes the errors that are counted when telemetry is lost: exports without a collector, and
/// requests that Prometheus cannot decode.
fn lose_telemetry(fixture: &Fixture) {
    fixture.stack.collector().stop();
    for _ in 0..3 {
        fixture.prometheus.push_invalid();
        thread::sleep(OUTAGE / 3);
    }
    fixture.stack.collector().restart().unwrap();
    // The service exports the counts before it is replaced.
    thread::sleep(OUTAGE / 2);
}

/// Returns the options of one version of the gateway.
fn version(receiver: &AlertReceiver, version: &str, arguments: &[&str]) -> StackOptions {
    let mut options = StackOptions {
        // Windows of five minutes become five seconds.
        scrape_interval: Some(Duration::from_millis(500)),
        rules: true,
        alertmanager: Some(receiver.alertmanager()),
        ..options()
    };
    let resource = format!("service.version={version},deployment.environment.name=proof");
    options.gateway_env.push(("OTEL_RESOURCE_ATTRIBUTES".to_owned(), resource));
    // Limits so low that an outage of seconds loses spans.
    options.gateway_env.push(("OTEL_BSP_MAX_QUEUE_SIZE".to_owned(), "128".to_owned()));
    options.gateway_env.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE".to_owned(), "64".to_owned()));
    options.gateway_env.push(("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), "1000".to_owned()));
    options.gateway_args.push(format!("--timeout={GATEWAY_TIMEOUT}"));
    options.gateway_args.extend(arguments.iter().map(|it| (*it).to_owned()));
    options
}

/// Returns a dashboard of the contract's five queries.
fn contract() -> Dashboard {
    let panels = CONTRACT.iter().map(|(query, unit)| {
        json!({
            "title": query,
            "type": "timeseries",
            "fieldConfig": {"defaults": {"unit": unit}},
            "targets": [{"refId": "A", "expr": query}],
        })
    });
    let panels: Vec<_> = panels.collect();
    Dashboard::parse(&json!({"uid": "contract", "panels": panels}).to_string())
}
