//! Runs `stagelight doctor` on a stack with faults.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use super::WATCH;
use crate::fixture::{Fixture, OTLP};
use testbed::clock::eventually;
use testbed::http_client::get;

pub(super) use crate::demo::program;

/// The doctor's arguments for a stack.
#[derive(Clone, Debug)]
pub(super) struct Doctor {
    args: Vec<String>,
    prometheus: String,
    env: Vec<(String, String)>,
    /// The stack's addresses with the default ones, for the README.
    defaults: Vec<(String, &'static str)>,
}

/// The doctor's report.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) status: Option<i32>,
    pub(super) ok: Vec<String>,
    pub(super) broken: Vec<(String, Finding)>,
    pub(super) skipped: Vec<String>,
    /// The JSON text.
    pub(super) text: String,
}

/// The first finding of a broken link.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) seen: String,
    pub(super) why: String,
    pub(super) fix: String,
}

// === impl Doctor ===

impl Doctor {
    pub(super) fn new(fixture: &Fixture) -> Self {
        let addresses = fixture.stack.addresses();
        let args = [
            ("--service", addresses.metrics.as_deref().unwrap()),
            ("--collector", &addresses.collector_http),
            ("--collector-metrics", &addresses.collector_metrics),
            ("--prometheus", &addresses.prometheus),
            ("--job", OTLP),
            // Samples arrive twice a second.
            ("--fresh-within", "4s"),
        ];
        let args = args.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]);
        let prometheus = addresses.prometheus.clone();
        let defaults = [
            (addresses.metrics.as_deref().unwrap(), "http://127.0.0.1:9464/metrics"),
            (&addresses.collector_http, "http://127.0.0.1:4318"),
            (&addresses.collector_grpc, "http://127.0.0.1:4317"),
            (&addresses.collector_metrics, "http://127.0.0.1:8888/metrics"),
            (&addresses.prometheus, "http://127.0.0.1:9090"),
            (addresses.alertmanager.as_deref().unwrap(), "http://127.0.0.1:9093"),
        ];
        let bare = |it: &str| it.trim_start_matches("http://").to_owned();
        let defaults = defaults
            .map(|(address, default)| (bare(address), default.trim_start_matches("http://")));
        Self { args: args.collect(), prometheus, env: Vec::new(), defaults: defaults.into() }
    }

    pub(super) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits until the doctor finds nothing broken.
    #[track_caller]
    pub(super) fn finds_no_error(&self, more: &[&str]) -> Report {
        self.finds_no_error_and_prints(&[], more)
    }

    /// Waits until the doctor finds nothing broken and prints these words.
    #[track_caller]
    pub(super) fn finds_no_error_and_prints(&self, words: &[&str], more: &[&str]) -> Report {
        eventually(|| {
            let report = self.run(more);
            let is_healthy = report.broken.is_empty() && report.status == Some(0);
            let is_printed = words.iter().all(|it| report.text.contains(it));
            if is_healthy && is_printed {
                Ok(report)
            } else {
                Err(format!("not {words:?}: {}", report.text))
            }
        })
    }

    /// Waits until the doctor finds only this link broken.
    #[track_caller]
    pub(super) fn finds_only(&self, link: &str, more: &[&str]) -> Finding {
        self.finds_only_until(link, more, |_| true)
    }

    /// Waits until the doctor finds only this link broken and the report matches.
    #[track_caller]
    pub(super) fn finds_only_until(
        &self,
        link: &str,
        more: &[&str],
        matches: impl Fn(&Report) -> bool,
    ) -> Finding {
        eventually(|| {
            let report = self.run(more);
            match report.broken.as_slice() {
                [(broken, finding)]
                    if broken == link && report.status == Some(1) && matches(&report) =>
                {
                    Ok(finding.clone())
                }
                _ => Err(format!("not {link} alone: {}", report.text)),
            }
        })
    }

    /// Returns the path of Prometheus' configuration, from Prometheus.
    pub(super) fn prometheus_file(&self) -> PathBuf {
        let url = format!("{}/api/v1/status/flags", self.prometheus);
        let response: Value = serde_json::from_str(&get(&url).unwrap()).unwrap();
        response["data"]["config.file"].as_str().unwrap().into()
    }

    /// Returns the report as text, with the servers' default addresses.
    pub(super) fn text(&self) -> String {
        let output = self.command(&[]).args(["--format", "text"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        self.defaults.iter().fold(text, |text, (from, to)| text.replace(from, to))
    }

    fn run(&self, more: &[&str]) -> Report {
        let output = self.command(more).args(["--format", "json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Report::read(&report, output.status.code(), text)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["doctor", "--watch"]).arg(format!("{}s", WATCH.as_secs()));
        // `more` replaces arguments. Without Grafana's address the default may find a running one.
        let more_names: Vec<_> = more.iter().step_by(2).collect();
        for pair in self.args.chunks(2).filter(|it| !more_names.contains(&&&*it[0])) {
            command.args(pair);
        }
        if !more.contains(&"--grafana") {
            command.args(["--skip", "grafana"]);
        }
        let env = self.env.iter().map(|(name, value)| (name, value));
        command.args(more).envs(env);
        command
    }
}

// === impl Report ===

impl Report {
    fn read(report: &Value, status: Option<i32>, text: String) -> Self {
        let links = report["links"].as_array().unwrap();
        let with = |status: &str| {
            let status = status.to_owned();
            links.iter().filter(move |it| it["status"] == status)
        };
        let name = |it: &Value| it["link"].as_str().unwrap().to_owned();
        let finding = |it: &Value| {
            let part = |name: &str| it["findings"][0][name].as_str().unwrap().to_owned();
            Finding { seen: part("seen"), why: part("why"), fix: part("fix") }
        };
        Self {
            status,
            ok: with("ok").map(name).collect(),
            skipped: with("not_judged").map(name).collect(),
            broken: with("broken").map(|it| (name(it), finding(it))).collect(),
            text,
        }
    }
}
