//! The files that operators copy, as they are: without the variables that the stack sets.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use xtask::{Alertmanager, Cache, GatewaySource, Stack, StackOptions, Tools, Workspace};

fn tools() -> Tools {
    Tools::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap()
}

/// Runs the program with nothing in its environment.
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
    let output = run(&tools().promtool, &["check", "config", "--lint=all", "--lint-fatal", file]);

    assert!(output.status.success(), "{output:?}");
    let targets = Workspace::find().path("collector/prometheus/targets");
    assert_eq!(fs::read_dir(targets).unwrap().count(), 4);
}

#[test]
fn nothing_in_the_files_is_deprecated_or_worth_a_warning() {
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
fn alertmanager_starts_without_its_secrets_and_counts_what_it_cannot_tell() {
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
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());

    // The watchdog's message, to the webhook whose address is not there.
    let failed = "alertmanager_notifications_failed_total{integration=\"webhook\"";
    let counted = (0..600).any(|_| {
        sleep(Duration::from_millis(50));
        let metrics = agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap();
        metrics.lines().any(|it| it.starts_with(failed) && !it.ends_with(" 0"))
    });
    assert!(counted, "{}", stack.alertmanager().unwrap().log().unwrap());
    stack.check().unwrap();
}

/// Returns the Rust files below a folder whose text has `part`.
fn rust_files_with(folder: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files_with(&path, part));
        } else if path.extension().is_some_and(|it| it == "rs")
            && fs::read_to_string(&path).unwrap().contains(part)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn only_the_two_forwarded_downcasts_are_unsafe() {
    let root = Workspace::find();
    // In two parts, so that this file is not found.
    let lint = concat!("unsafe", "_code");
    let folders = ["crates", "examples", "tests", "bench"];
    let mut found: Vec<_> =
        folders.iter().flat_map(|it| rust_files_with(&root.path(it), lint)).collect();
    found.sort();
    let allowed = ["layer", "registry"];
    assert_eq!(
        found,
        allowed.map(|it| root.path(format!("crates/stagelight-tracing/src/{it}.rs")))
    );
    // `downcast_raw` in each, and the blocks that forward it.
    let blocks = |path: &PathBuf| fs::read_to_string(path).unwrap().matches("unsafe {").count();
    assert_eq!(found.iter().map(blocks).collect::<Vec<_>>(), [1, 2]);
}
