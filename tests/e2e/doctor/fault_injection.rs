//! A stack that the doctor is called to.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

use super::WATCH;
use crate::fixture::{Fixture, OTLP};
use testbed::clock::eventually;
use testbed::http_client::get;

pub(super) use crate::demo::program;

/// How the doctor is called.
#[derive(Clone, Debug)]
pub(super) struct Doctor {
    args: Vec<String>,
    prometheus: String,
    env: Vec<(String, String)>,
    /// Addresses of the stack's, each with the usual one.
    usual: Vec<(String, &'static str)>,
}

/// What it report.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) status: Option<i32>,
    pub(super) ok: Vec<String>,
    pub(super) broken: Vec<(String, Finding)>,
    pub(super) skipped: Vec<String>,
    /// The whole document.
    pub(super) text: String,
}

/// What is wrong with a link.
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
            // Samples come twice a second.
            ("--fresh-within", "4s"),
        ];
        let args = args.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]);
        let prometheus = addresses.prometheus.clone();
        let usual = [
            (addresses.metrics.as_deref().unwrap(), "http://127.0.0.1:9464/metrics"),
            (&addresses.collector_http, "http://127.0.0.1:4318"),
            (&addresses.collector_grpc, "http://127.0.0.1:4317"),
            (&addresses.collector_metrics, "http://127.0.0.1:8888/metrics"),
            (&addresses.prometheus, "http://127.0.0.1:9090"),
            (addresses.alertmanager.as_deref().unwrap(), "http://127.0.0.1:9093"),
        ];
        let bare = |it: &str| it.trim_start_matches("http://").to_owned();
        let usual =
            usual.map(|(address, usual)| (bare(address), usual.trim_start_matches("http://")));
        Self { args: args.collect(), prometheus, env: Vec::new(), usual: usual.into() }
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

    /// Waits until the doctor finds nothing broken, and says all of this.
    #[track_caller]
    pub(super) fn finds_no_error_and_prints(&self, words: &[&str], more: &[&str]) -> Report {
        eventually(|| {
            let report = self.ask(more);
            let finds_no_error = report.broken.is_empty() && report.status == Some(0);
            let is_said = words.iter().all(|it| report.text.contains(it));
            if finds_no_error && is_said {
                Ok(report)
            } else {
                Err(format!("not {words:?}: {}", report.text))
            }
        })
    }

    /// Waits until the doctor names this link, and no other.
    #[track_caller]
    pub(super) fn finds_only(&self, link: &str, more: &[&str]) -> Finding {
        self.finds_only_until(link, more, |_| true)
    }

    /// Waits until the doctor names this link and no other, and says what is wanted of it.
    #[track_caller]
    pub(super) fn finds_only_until(
        &self,
        link: &str,
        more: &[&str],
        is_wanted: impl Fn(&Report) -> bool,
    ) -> Finding {
        eventually(|| {
            let report = self.ask(more);
            match report.broken.as_slice() {
                [(broken, finding)]
                    if broken == link && report.status == Some(1) && is_wanted(&report) =>
                {
                    Ok(finding.clone())
                }
                _ => Err(format!("not {link} alone: {}", report.text)),
            }
        })
    }

    /// Returns the path of Prometheus' configuration, as Prometheus tells it.
    pub(super) fn prometheus_file(&self) -> PathBuf {
        let url = format!("{}/api/v1/status/flags", self.prometheus);
        let response: Value = serde_json::from_str(&get(&url).unwrap()).unwrap();
        response["data"]["config.file"].as_str().unwrap().into()
    }

    /// Returns what people are told, with the addresses that the servers have by default.
    pub(super) fn text(&self) -> String {
        let output = self.command(&[]).args(["--format", "text"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        self.usual.iter().fold(text, |text, (address, usual)| text.replace(address, usual))
    }

    fn ask(&self, more: &[&str]) -> Report {
        let output = self.command(more).args(["--format", "json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Report::read(&report, output.status.code(), text)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["doctor", "--watch"]).arg(format!("{}s", WATCH.as_secs()));
        // What comes later wins; a default must not find somebody else's Grafana.
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
