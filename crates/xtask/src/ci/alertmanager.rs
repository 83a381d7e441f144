//! Alertmanager's files are valid, and of every shipped alert those are told who should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use regex_lite::Regex;

use crate::cache::Cache;
use crate::command::{output, run};
use crate::terminal::progress;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The files, from the workspace's root.
const CONFIGURATIONS: [&str; 2] =
    ["collector/alertmanager/alertmanager.yaml", "collector/alertmanager/alertmanager-local.yaml"];

/// Where the shipped alerts are.
const RULES: &str = "collector/prometheus/rules";

/// Labels of alerts that the shipped rules do not have, but an operator's may: none gets lost.
const OTHERS: [&[&str]; 4] = [
    &[],
    &["alertname=NoSeverity", "team=payments"],
    &["alertname=Misspelt", "severity=criticla", "team=payments"],
    &["alertname=OtherTeam", "severity=critical", "team=payments"],
];

/// Checks all of it.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let amtool = Amtool::find_or_build(workspace)?;
    let alerts = alerts(&workspace.path(RULES))?;
    for file in CONFIGURATIONS {
        let file = workspace.path(file);
        amtool.check_config(&file)?;
        check_routes(&amtool, &file, &alerts)?;
    }
    Ok(())
}

/// Fails unless of each alert those are told who should be.
fn check_routes(amtool: &Amtool, config: &Path, alerts: &[Vec<String>]) -> Result<()> {
    let others = OTHERS.iter().map(|it| it.iter().map(|&it| it.to_owned()).collect());
    let all: Vec<Vec<String>> = alerts.iter().cloned().chain(others).collect();
    for labels in &all {
        let (told, expected) = (amtool.told(config, labels)?, expected(labels));
        ensure!(
            told == expected,
            "{}: of an alert with the labels {labels:?} are told {told:?} instead of {expected:?}",
            config.display(),
        );
    }
    progress(format_args!("{}: {} alerts find their receivers", config.display(), all.len()));
    Ok(())
}

/// Returns who should be told of an alert with these labels.
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

/// Reads the labels of all alerts in a folder, as `name=value`.
///
/// A line of labels in the other of YAML's two styles is an error, rather than an alert unseen.
fn alerts(rules: &Path) -> Result<Vec<Vec<String>>> {
    let alert = Regex::new(r"(?m)^ *- alert: (\w+)$")?;
    let labels = Regex::new(r"(?m)^        labels: \{(.*)\}$")?;
    let mut alerts = Vec::new();
    for entry in fs::read_dir(rules).with_context(|| format!("cannot read {}", rules.display()))? {
        let file = entry?.path();
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let starts: Vec<_> = alert.captures_iter(&text).collect();
        for found in starts {
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
    Ok(alerts)
}

/// Alertmanager's own checker.
#[derive(Debug)]
struct Amtool {
    program: PathBuf,
}

// === impl Amtool ===

impl Amtool {
    fn find_or_build(workspace: &Workspace) -> Result<Self> {
        let tools = Tools::find_or_build(workspace, &Cache::of_user()?)?;
        Ok(Self { program: tools.amtool })
    }

    fn check_config(&self, config: &Path) -> Result<()> {
        run(Command::new(&self.program).arg("check-config").arg(config))
    }

    /// Returns the receivers of an alert with these labels, as `first,second`.
    fn told(&self, config: &Path, labels: &[String]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["config", "routes", "test"]).arg("--config.file").arg(config).args(labels);
        Ok(output(&mut command)?.trim().to_owned())
    }
}

#[cfg(test)]
mod tests;
