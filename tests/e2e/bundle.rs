//! Every query that operators are given, executed on a real Prometheus behind the real example under load.
//!
//! One stack serves all checks: a load of every kind runs on it, a new version is deployed in the middle of that, and
//! everything is looked at while it goes on, until there is nothing to complain about or the time is over.

mod load;
mod answer;
mod promql;
mod dimension;
mod dashboards;
mod variables;
mod exceptions;
mod defects;
mod proof;
mod panels;
mod rules;
mod mutants;
mod pictures;

use std::{thread, time::Duration};

use serde_json::json;
use xtask::{Cache, StackOptions, Tools, Workspace};

use crate::{
    bench::{Bench, options},
    clock::{now, unix_seconds},
    queries::CONTRACT,
    receiver::Receiver,
};

use self::{
    answer::Span,
    dashboards::Dashboard,
    dimension::Recorded,
    load::{Load, TIMEOUT, Trouble},
    proof::Proof,
    variables::Choice,
};

/// How long the first version serves, so that there is something to compare the second one with.
const BEFORE: Duration = Duration::from_secs(10);
/// How long the service is without its collector.
const OUTAGE: Duration = Duration::from_secs(4);
/// How long a query may take to have something to show. What is recorded of whole hours only, has to wait for a full minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// How much faster than shipped rules look back and alerts come: what takes an hour takes a minute.
const ALERT_SPEED: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The dashboards that ask for services' histograms.
const OF_SERVICES: [&str; 3] =
    ["stagelight-service-overview", "stagelight-stage-breakdown", "stagelight-streaming"];
/// Where `cargo xtask pictures` wants what pictures are drawn from.
const PICTURES: &str = "STAGELIGHT_PICTURES_DATA";
/// How long each of the two versions serves for a picture.
const POSING: Duration = Duration::from_secs(210);
/// How long rates take to have their window full: a picture begins after that.
const FULL: f64 = 60.0;

/// A stack under load, on which a second version has replaced the first, and telemetry was lost for some seconds.
struct Scene {
    // Fields are dropped in this order: the load ends before what it asks.
    _load: Load,
    bench: Bench,
    started: f64,
}

#[test]
fn every_query_of_the_bundle_shows_on_a_stack_under_load_what_it_is_there_for() {
    let scene = Scene::set(BEFORE, Trouble::Much, ALERT_SPEED);
    let dashboards: Vec<_> = [contract()].into_iter().chain(Dashboard::shipped()).collect();

    let proof = until_clean(|| scene.look(&dashboards, Choice::All));
    until_clean(|| scene.look(&dashboards, Choice::One));

    mutants::check(&proof, &dashboards);
    scene.bench.stack.check().unwrap();
}

#[test]
fn the_dashboards_of_services_show_native_histograms_as_they_show_classic_ones() {
    let mut options = version(&Receiver::start(), "1.0.0", &[]);
    options.alert_speed = ALERT_SPEED;
    options.gateway_env.push((
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION".to_owned(),
        "base2_exponential_bucket_histogram".to_owned(),
    ));
    // Asked for, the gateway shows classic ones.
    options.scrape_interval = None;
    let bench = Bench::start(&options);
    let started = unix_seconds();
    let _load = Load::start(&bench.caller, Trouble::Much);
    let mut dashboards = Dashboard::shipped();
    dashboards.retain(|it| OF_SERVICES.contains(&it.uid.as_str()));
    assert_eq!(dashboards.len(), OF_SERVICES.len());
    thread::sleep(BEFORE);

    until_clean(|| {
        let span = Span { from: started, to: unix_seconds() - 1.0 };
        let proof = Proof::new(&bench.prometheus, span, Recorded::new());
        for dashboard in &dashboards {
            panels::check(&proof, dashboard, Choice::All);
        }
        proof
    });

    let classic = "count({__name__=~\".+_bucket\", job=\"llm-gateway\"})";
    assert_eq!(bench.prometheus.number(classic), None);
}

#[test]
fn whatever_is_listed_as_absent_has_a_name_that_its_program_knows() {
    let tools = Tools::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap();
    exceptions::check(&tools);
}

#[test]
#[ignore = "takes minutes; `cargo xtask pictures` runs it"]
fn what_pictures_are_drawn_from_is_written() {
    let file = std::env::var_os(PICTURES).expect(PICTURES);
    let scene = Scene::set(POSING, Trouble::Little, ALERT_SPEED / 6);
    thread::sleep(POSING);
    let span = Span { from: scene.started + FULL, ..scene.span() };
    pictures::write(file.as_ref(), &scene.bench.prometheus, span);
}

// === impl Scene ===

impl Scene {
    /// Lets the first version serve for some time before the second one comes.
    fn set(before: Duration, trouble: Trouble, alert_speed: u32) -> Self {
        let receiver = Receiver::start();
        let options = |number: &str, arguments: &[&str]| StackOptions {
            alert_speed,
            ..version(&receiver, number, arguments)
        };
        let mut bench = Bench::start(&options("1.0.0", &[]));
        let started = unix_seconds();
        let load = Load::start(&bench.caller, trouble);
        thread::sleep(before);
        break_the_way(&bench);
        bench
            .stack
            .redeploy_gateway(&options("1.1.0", &["--slow=request_preparation=30ms"]))
            .unwrap();
        Self { _load: load, bench, started }
    }

    /// Returns the time that there is something of.
    fn span(&self) -> Span {
        Span { from: self.started, to: unix_seconds() - 1.0 }
    }

    /// Executes everything once, with this chosen of the variables.
    fn look(&self, dashboards: &[Dashboard], choice: Choice) -> Proof<'_> {
        let prometheus = &self.bench.prometheus;
        let rules = rules::all(prometheus);
        let recorded = rules::recorded(prometheus, &rules);
        let proof = Proof::new(prometheus, self.span(), recorded);
        rules::check(&proof, &rules);
        for dashboard in dashboards {
            panels::check(&proof, dashboard, choice);
        }
        proof.defects.add_unused_exceptions();
        proof
    }
}

/// Looks until there is nothing wrong any more, or for too long.
fn until_clean<'a>(look: impl Fn() -> Proof<'a>) -> Proof<'a> {
    let looking = now();
    loop {
        let proof = look();
        if proof.defects.is_empty() {
            return proof;
        }
        assert!(looking.elapsed() < PATIENCE, "{}", proof.defects);
        thread::sleep(LOOK_EVERY);
    }
}

/// Makes what is only counted when telemetry is lost: by a service without its collector, and by a Prometheus that gets what
/// it cannot read.
fn break_the_way(bench: &Bench) {
    bench.stack.collector().stop();
    for _ in 0..3 {
        bench.prometheus.push_nonsense();
        thread::sleep(OUTAGE / 3);
    }
    bench.stack.collector().restart().unwrap();
    // The service has to tell of it before it is replaced.
    thread::sleep(OUTAGE / 2);
}

/// Returns the options for one version of the gateway, with more arguments for it.
fn version(receiver: &Receiver, version: &str, arguments: &[&str]) -> StackOptions {
    let mut options = StackOptions {
        // Windows of five minutes are of five seconds.
        scrape_interval: Some(Duration::from_millis(500)),
        rules: true,
        alertmanager: Some(receiver.alertmanager()),
        ..options()
    };
    let resource = format!("service.version={version},deployment.environment.name=proof");
    options.gateway_env.push(("OTEL_RESOURCE_ATTRIBUTES".to_owned(), resource));
    // So little patience, and so little room for spans, that an outage of seconds loses some.
    options.gateway_env.push(("OTEL_BSP_MAX_QUEUE_SIZE".to_owned(), "128".to_owned()));
    options.gateway_env.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE".to_owned(), "64".to_owned()));
    options.gateway_env.push(("OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(), "1000".to_owned()));
    options.gateway_args.push(format!("--timeout={TIMEOUT}"));
    options.gateway_args.extend(arguments.iter().map(|it| (*it).to_owned()));
    options
}

/// Returns a dashboard of the five queries that people already ask.
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
