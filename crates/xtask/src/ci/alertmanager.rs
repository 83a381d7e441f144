//! Checks that Alertmanager's configurations are valid and route every shipped alert.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use regex_lite::Regex;
use testbed::command::{output, progress, run};
use testbed::{Tools, Workspace};

const CONFIGURATIONS: [&str; 2] =
    ["collector/alertmanager/alertmanager.yaml", "collector/alertmanager/alertmanager-local.yaml"];
const RULES: &str = "collector/prometheus/rules";

/// Labels that only an operator's own rules have. None of these alerts may be lost.
const OTHERS: [&[&str]; 4] = [
    &[],
    &["alertname=NoSeverity", "team=payments"],
    &["alertname=Misspelt", "severity=criticla", "team=payments"],
    &["alertname=OtherTeam", "severity=critical", "team=payments"],
];

/// Alertmanager's own checker.
#[derive(Debug)]
struct Amtool {
    program: PathBuf,
}

pub(super) fn check() -> Result<()> {
    let amtool = Amtool::find_or_build()?;
    let alerts = alerts()?;
    for file in CONFIGURATIONS {
        let file = Workspace::find().path(file);
        amtool.check_config(&file)?;
        check_routes(&amtool, &file, &alerts)?;
    }
    Ok(())
}

/// Fails unless every alert is routed to the expected receivers.
fn check_routes(amtool: &Amtool, config: &Path, alerts: &[Vec<String>]) -> Result<()> {
    let others = OTHERS.iter().map(|it| it.iter().map(|&it| it.to_owned()).collect());
    let all: Vec<Vec<String>> = alerts.iter().cloned().chain(others).collect();
    for labels in &all {
        let (receivers, expected) = (amtool.receivers(config, labels)?, expected(labels));
        ensure!(
            receivers == expected,
            "{}: an alert with the labels {labels:?} goes to {receivers:?} instead of {expected:?}",
            config.display(),
        );
    }
    progress(format_args!("{}: {} alerts are routed", config.display(), all.len()));
    Ok(())
}

/// Returns the receivers that an alert with these labels should have.
fn expected(labels: &[String]) -> &'static str {
    let has = |label: &str| labels.iter().any(|it| it == label);
    if has("alertname=Watchdog") {
        "webhook"
    } else if has("severity=critical") {
        "webhook,page"
    } else {
        "webhook,chat"
    }
}

/// Returns the labels of all shipped alerts, as `name=value`.
///
/// Labels in YAML's block style are an error, so that no alert is overlooked.
fn alerts() -> Result<Vec<Vec<String>>> {
    let rules = Workspace::find().path(RULES);
    let alert = Regex::new(r"(?m)^ *- alert: (\w+)$")?;
    let labels = Regex::new(r"(?m)^        labels: \{(.*)\}$")?;
    let mut alerts = Vec::new();
    for entry in fs::read_dir(&rules).with_context(|| format!("cannot read {}", rules.display()))? {
        let file = entry?.path();
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for found in alert.captures_iter(&text) {
            let name = &found[1];
            let rest = &text[found.get(0).map_or(0, |it| it.end())..];
            let rule = alert.find(rest).map_or(rest, |next| &rest[..next.start()]);
            let Some(found) = labels.captures(rule) else {
                bail!("{}: no `labels: {{…}}` for {name}", file.display());
            };
            let mut all = vec![format!("alertname={name}")];
            all.extend(found[1].split(", ").map(|it| it.replacen(": ", "=", 1)));
            alerts.push(all);
        }
    }
    ensure!(!alerts.is_empty(), "no alerts in {}", rules.display());
    Ok(alerts)
}

// === impl Amtool ===

impl Amtool {
    fn find_or_build() -> Result<Self> {
        Ok(Self { program: Tools::find_or_build()?.amtool })
    }

    fn check_config(&self, config: &Path) -> Result<()> {
        run(Command::new(&self.program).arg("check-config").arg(config))
    }

    /// Returns the receivers of an alert with these labels, as `first,second`.
    fn receivers(&self, config: &Path, labels: &[String]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["config", "routes", "test"]).arg("--config.file").arg(config).args(labels);
        Ok(output(&mut command)?.trim().to_owned())
    }
}

#[cfg(test)]
mod tests;
