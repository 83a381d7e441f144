//! Prometheus' and Alertmanager's configuration: copies of the shipped files.
//!
//! Settings that differ between machines (targets, secrets) are in files of their own. A copy
//! differs from its original in durations, if a test wants them shorter, and in the locations of
//! secrets and PagerDuty.

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

/// The shipped interval, replaced by that of the options.
const SHIPPED_EVALUATION: &str = "evaluation_interval: 15s";

/// The shipped folder of secrets.
const SHIPPED_SECRETS: &str = "/etc/alertmanager/secrets/";

/// The start of the settings of all receivers in the shipped file.
const GLOBAL: &str = "\nglobal:\n";

/// The scrape interval of targets that Prometheus must know but not scrape.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes Prometheus' configuration, rules and targets.
pub(super) fn write_prometheus(plan: &Plan, options: &StackOptions) -> Result<()> {
    let shipped = Workspace::find().path("collector/prometheus");
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

/// Writes one of the shipped Alertmanager configurations with its templates and secrets.
pub(super) fn write_alertmanager(
    plan: &Plan,
    options: &StackOptions,
    settings: &Alertmanager,
) -> Result<()> {
    let shipped = Workspace::find().path("collector/alertmanager");
    let folder = &plan.alertmanager_dir;
    let secrets = folder.join("secrets");
    copy(&shipped.join(&settings.config), &folder.join("alertmanager.yaml"), |text| {
        let mut text = at_speed(text, options)?;
        text = text.replace(SHIPPED_SECRETS, &format!("{}/", secrets.display()));
        match &settings.pagerduty_url {
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
    for (name, secret) in &settings.secrets {
        fs::write(secrets.join(name), secret)?;
    }
    Ok(())
}

/// Writes the targets that Prometheus scrapes, and the Alertmanager that it notifies.
///
/// A target can set its own scrape interval, so Prometheus' file does not need to differ.
fn write_targets(plan: &Plan, options: &StackOptions) -> Result<()> {
    let targets = plan.prometheus_dir.join("targets");
    fs::create_dir_all(&targets)?;
    let interval = milliseconds(options.scrape_interval.unwrap_or(NEVER));
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

/// Copies a file with `change` applied.
fn copy(from: &Path, to: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text =
        fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?;
    let text = change(&text).with_context(|| format!("cannot use {}", from.display()))?;
    fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
    fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))
}

/// Returns the files in a folder by name; none if the folder is missing.
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

/// Replaces `from`, which must be present.
fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "it does not contain {from:?}");
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
