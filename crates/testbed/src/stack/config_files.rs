//! The files that Prometheus and Alertmanager read: copies of those that operators copy.
//!
//! What may differ between machines is in files of its own beside them (targets, secrets). So a copy
//! differs from its original by times, if a test wants them shorter, and by where secrets and
//! PagerDuty are.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

use super::faster::faster;
use super::options::{Alertmanager, GatewaySource, StackOptions};
use super::plan::Plan;

/// What the shipped file says, and is exchanged for the interval that is wanted.
const SHIPPED_EVALUATION: &str = "evaluation_interval: 15s";

/// Where the shipped file looks for secrets.
const SHIPPED_SECRETS: &str = "/etc/alertmanager/secrets/";

/// Below it in the shipped file are the settings of all receivers.
const GLOBAL: &str = "\nglobal:\n";

/// What Prometheus is told to wait between two scrapes of what it must know but not scrape.
const AS_GOOD_AS_NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Puts Prometheus' configuration, its rules and its targets beside each other.
pub(crate) fn write_prometheus(
    plan: &Plan,
    options: &StackOptions,
    workspace: &Workspace,
) -> Result<()> {
    let shipped = workspace.path("collector/prometheus");
    let folder = &plan.prometheus_dir;
    let interval = format!("evaluation_interval: {}", milliseconds(options.evaluation_interval));
    copy(&shipped.join("prometheus.yaml"), &folder.join("prometheus.yaml"), |text| {
        replace(text, SHIPPED_EVALUATION, &interval)
    })?;
    if options.rules {
        for rules in files(&shipped.join("rules"))? {
            let copied = folder.join("rules").join(rules.file_name().unwrap_or_default());
            copy(&rules, &copied, |text| at_speed(text, options))?;
        }
    }
    if let Some(jobs) = &options.scrape_jobs {
        let scrape = folder.join("scrape");
        fs::create_dir_all(&scrape)?;
        fs::write(scrape.join("jobs.yaml"), jobs)?;
    }
    write_targets(plan, options)
}

/// Puts one of the shipped configurations where Alertmanager's templates and secrets can be beside
/// it.
pub(crate) fn write_alertmanager(
    plan: &Plan,
    options: &StackOptions,
    wanted: &Alertmanager,
    workspace: &Workspace,
) -> Result<()> {
    let shipped = workspace.path("collector/alertmanager");
    let folder = &plan.alertmanager_dir;
    let secrets = folder.join("secrets");
    copy(&shipped.join(&wanted.config), &folder.join("alertmanager.yaml"), |text| {
        let mut text = at_speed(text, options)?;
        text = text.replace(SHIPPED_SECRETS, &format!("{}/", secrets.display()));
        match &wanted.pagerduty_url {
            Some(url) => replace(&text, GLOBAL, &format!("{GLOBAL}  pagerduty_url: {url}\n")),
            None => Ok(text),
        }
    })?;
    let templates = shipped.join("templates");
    for entry in files(&templates)? {
        let copied = folder.join("templates").join(entry.file_name().unwrap_or_default());
        copy(&entry, &copied, |text| Ok(text.to_owned()))?;
    }
    fs::create_dir_all(&secrets)?;
    for (name, secret) in &wanted.secrets {
        fs::write(secrets.join(name), secret)?;
    }
    Ok(())
}

/// Writes whom Prometheus asks for metrics and tells of alerts.
///
/// A target may ask for an interval of its own, so nothing in Prometheus' file has to differ.
fn write_targets(plan: &Plan, options: &StackOptions) -> Result<()> {
    let targets = plan.prometheus_dir.join("targets");
    fs::create_dir_all(&targets)?;
    let interval = milliseconds(options.scrape_interval.unwrap_or(AS_GOOD_AS_NEVER));
    let group = |job: &str, address: SocketAddr| {
        serde_json::json!({
            "targets": [address.to_string()],
            "labels": {
                "job": job,
                "__scrape_interval__": interval,
                "__scrape_timeout__": interval,
            },
        })
    };
    // JSON is YAML.
    let write = |file: &str, groups: Vec<serde_json::Value>| {
        fs::write(targets.join(file), serde_json::Value::from(groups).to_string())
    };
    if options.alertmanager.is_some() {
        write("alertmanager.yaml", vec![group("alertmanager", plan.alertmanager)])?;
    }
    if options.scrape_interval.is_some() {
        let mut groups =
            vec![group("otelcol", plan.collector_metrics), group("prometheus", plan.prometheus)];
        if options.gateway != GatewaySource::None {
            groups.push(group("llm-gateway-scrape", plan.gateway_metrics));
        }
        write("stack.yaml", groups)?;
    }
    Ok(())
}

/// Copies a file, changed on the way.
fn copy(from: &Path, to: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text =
        fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?;
    let text = change(&text).with_context(|| format!("cannot use {}", from.display()))?;
    fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
    fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
}

/// Lists the files in a folder by name; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", folder.display()));
        }
    };
    let mut files = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Exchanges a part that has to be there: else the file has changed, and this did nothing.
fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "there is no {from:?} in it");
    Ok(text.replace(from, to))
}

fn at_speed(text: &str, options: &StackOptions) -> Result<String> {
    match options.alert_speed {
        1 => Ok(text.to_owned()),
        speed => faster(text, speed),
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
