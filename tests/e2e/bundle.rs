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

use std::{thread, time::Duration};

use serde_json::json;
use xtask::StackOptions;

use crate::{
    bench::{Bench, options},
    clock::{now, unix_seconds},
    queries::CONTRACT,
};

use self::{
    answer::Span,
    dashboards::Dashboard,
    load::{Load, TIMEOUT},
    proof::Proof,
    variables::Choice,
};

/// How long the first version serves, so that there is something to compare the second one with.
const BEFORE: Duration = Duration::from_secs(20);
/// How long a query may take to have something to show. Rules are evaluated every fifteen seconds, one after another.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[test]
fn every_query_of_the_bundle_shows_on_a_stack_under_load_what_it_is_there_for() {
    let (mut bench, started) = (Bench::start(&version("1.0.0", &[])), unix_seconds());
    let load = Load::start(&bench.caller);
    thread::sleep(BEFORE);
    let slow = ["--slow=request_preparation=30ms"];
    bench.stack.redeploy_gateway(&version("1.1.0", &slow)).unwrap();

    let dashboards: Vec<_> = [contract()].into_iter().chain(Dashboard::shipped()).collect();
    let looking = now();
    let proof = loop {
        let proof = look(&bench, started, &dashboards);
        if proof.defects.is_empty() || PATIENCE < looking.elapsed() {
            break proof;
        }
        thread::sleep(LOOK_EVERY);
    };
    assert!(proof.defects.is_empty(), "{}", proof.defects);

    mutants::check(&proof, &dashboards);
    bench.stack.check().unwrap();
    drop(load);
}

/// Executes everything once.
fn look<'a>(bench: &'a Bench, started: f64, dashboards: &[Dashboard]) -> Proof<'a> {
    let rules = rules::all(&bench.prometheus);
    let recorded = rules::recorded(&bench.prometheus, &rules);
    let span = Span { from: started, to: unix_seconds() - 1.0 };
    let proof = Proof::new(&bench.prometheus, span, recorded);
    rules::check(&proof, &rules);
    for dashboard in dashboards {
        panels::check(&proof, dashboard, Choice::All);
        panels::check(&proof, dashboard, Choice::First);
    }
    proof.defects.add_unused_exceptions();
    proof
}

/// Returns the options for one version of the gateway, with more arguments for it.
fn version(version: &str, arguments: &[&str]) -> StackOptions {
    let mut options = StackOptions {
        export_interval: Duration::from_secs(1),
        scrape_interval: Some(Duration::from_secs(1)),
        ..options()
    };
    let resource = format!("service.version={version},deployment.environment.name=proof");
    options.gateway_env.push(("OTEL_RESOURCE_ATTRIBUTES".to_owned(), resource));
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
