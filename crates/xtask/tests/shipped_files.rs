//! The shipped files unchanged, without the variables of the stack; and rules for the source files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testbed::clock::eventually;
use testbed::http_client::get;
use testbed::{Alertmanager, GatewaySource, Stack, StackOptions, Tools, Workspace};

/// Runs the program with an empty environment.
fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(Workspace::find().root())
        .env_clear()
        .output()
        .unwrap()
}

#[test]
fn prometheus_accepts_its_configuration_and_targets() {
    let file = "collector/prometheus/prometheus.yaml";
    let promtool = Tools::find_or_build().unwrap().promtool;
    let output = run(&promtool, &["check", "config", "--lint=all", "--lint-fatal", file]);

    assert!(output.status.success(), "{output:?}");
    let targets = Workspace::find().path("collector/prometheus/targets");
    assert_eq!(fs::read_dir(targets).unwrap().count(), 4);
}

#[test]
fn the_servers_log_no_warning() {
    let options = StackOptions { gateway: GatewaySource::None, ..StackOptions::default() };
    let stack = Stack::start(&options).unwrap();

    let servers = [stack.collector(), stack.prometheus(), stack.alertmanager().unwrap()];
    let logs: String = servers.iter().map(|it| it.log().unwrap()).collect();

    let warnings: Vec<_> = logs
        .lines()
        .filter(|line| {
            let line = line.to_lowercase();
            ["deprecat", "\twarn\t", "\terror\t", "level=warn", "level=error"]
                .iter()
                .any(|word| line.contains(word))
        })
        .collect();
    assert_eq!(warnings, Vec::<&str>::new());
}

#[test]
fn alertmanager_starts_without_its_secrets_and_counts_failed_notifications() {
    let alertmanager =
        Alertmanager { config: "alertmanager.yaml".to_owned(), ..Alertmanager::default() };
    let options = StackOptions {
        gateway: GatewaySource::None,
        alertmanager: Some(alertmanager),
        alert_speed: 60,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    let url = format!("{}/metrics", stack.addresses().alertmanager.as_deref().unwrap());

    // The watchdog's notification, to the webhook without an address.
    let failed = "alertmanager_notifications_failed_total{integration=\"webhook\"";
    eventually(|| {
        let metrics = get(&url).unwrap();
        let is_counted = |line: &str| line.starts_with(failed) && !line.ends_with(" 0");
        if metrics.lines().any(is_counted) { Ok(()) } else { Err("no failed notification") }
    });
    stack.check().unwrap();
}

#[test]
fn the_collectors_sources_match_its_manifest() {
    let folder = Workspace::find().path("collector/distribution");
    let manifest = fs::read_to_string(folder.join("manifest.yaml")).unwrap();
    let module = fs::read_to_string(folder.join("go.mod")).unwrap();

    let components: Vec<_> =
        manifest.lines().filter_map(|line| line.trim().strip_prefix("- gomod: ")).collect();
    assert!(20 < components.len(), "{components:?}");
    for component in components {
        assert!(module.contains(&format!("\t{component}\n")), "{component}");
    }
}

/// Returns all Rust files of the repository, with their text, by path from the root.
fn rust_files() -> Vec<(PathBuf, String)> {
    let root = Workspace::find();
    let mut folders =
        ["bench", "crates", "examples", "fuzz", "tests"].map(|it| root.path(it)).to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(root.root()).unwrap().to_owned();
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn only_the_two_forwarded_downcasts_are_unsafe() {
    // In two parts, so that this file does not match.
    let lint = concat!("unsafe", "_code");
    let mut found = rust_files();
    found.retain(|(_, text)| text.contains(lint));
    // Each has `downcast_raw`, with this number of blocks.
    let blocks = |(path, text): &(PathBuf, String)| {
        (path.display().to_string(), text.matches("unsafe {").count())
    };
    let folder = "crates/stagelight-tracing/src";
    assert_eq!(
        found.iter().map(blocks).collect::<Vec<_>>(),
        [(format!("{folder}/layer.rs"), 1), (format!("{folder}/registry.rs"), 2)]
    );
}

#[test]
fn no_line_of_rust_is_longer_than_100_columns() {
    let too_long = |(path, text): (PathBuf, String)| -> Vec<String> {
        // Snapshots hold what a program prints, as long as its lines are.
        let mut is_snapshot = false;
        let mut found = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if is_snapshot {
                is_snapshot = !line.trim_start().starts_with("\"#");
            } else if line.ends_with("#\"") {
                is_snapshot = true;
            } else if 100 < line.chars().count() {
                found.push(format!("{}:{number}", path.display()));
            }
        }
        found
    };
    let found: Vec<_> = rust_files().into_iter().flat_map(too_long).collect();
    assert!(found.is_empty(), "{} lines:\n{}", found.len(), found.join("\n"));
}
