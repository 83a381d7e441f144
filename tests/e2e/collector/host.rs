//! Host metrics, under the names that dashboards and rules use.

use std::{collections::BTreeSet, fs};

use testbed::{GatewaySource, Stack, StackOptions, Workspace};

use crate::prometheus::Prometheus;
use testbed::clock::eventually;

/// The names in the README's table.
fn documented() -> BTreeSet<String> {
    let readme = fs::read_to_string(Workspace::find().path("collector/README.md")).unwrap();
    let table = readme.split("<!-- host metrics -->").nth(1).unwrap();
    let table = table.split("<!-- /host metrics -->").next().unwrap();
    let is_metric = |it: &&str| it.starts_with("system_") || it.starts_with("process_");
    let first_column = table.lines().filter_map(|line| line.split('|').nth(1));
    let quoted = first_column.flat_map(|it| it.split('`').skip(1).step_by(2));
    quoted.filter(is_metric).map(str::to_owned).collect()
}

#[test]
fn host_metrics_have_exactly_the_documented_names() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    let prometheus = Prometheus::new(&stack.addresses().prometheus);
    let documented = documented();

    // Virtual machines and containers may have no disk or network statistics.
    let optional = |name: &str| {
        ["system_disk_", "system_filesystem_", "system_network_", "process_disk_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let found = eventually(|| {
        let found: BTreeSet<_> =
            prometheus.query("{job=\"host\"}").into_iter().map(|it| it.name).collect();
        let missing: Vec<_> =
            documented.difference(&found).filter(|name| !optional(name)).collect();
        if missing.is_empty() { Ok(found) } else { Err(format!("{missing:?} of {found:?}")) }
    });

    // Recorded series have colons in their names.
    let of_others = |name: &str| name == "target_info" || name.contains(':');
    let extra: Vec<_> = found.difference(&documented).filter(|name| !of_others(name)).collect();
    assert!(extra.is_empty(), "not in the README: {extra:?}");
}

#[test]
fn processes_have_their_own_series_and_the_host_one_target_info() {
    let options = StackOptions {
        gateway: GatewaySource::None,
        scrape_interval: None,
        ..StackOptions::default()
    };
    let stack = Stack::start(&options).unwrap();
    let prometheus = Prometheus::new(&stack.addresses().prometheus);

    let pid = stack.collector().pid().unwrap();
    let memory = format!("process_memory_usage_bytes{{process_pid=\"{pid}\"}}");
    let sample = eventually(|| match prometheus.query(&memory).as_slice() {
        [sample] => Ok(sample.clone()),
        other => Err(format!("{other:?}")),
    });

    assert_eq!(sample.label("process_executable_name"), "otelcol-stagelight");
    assert_eq!(sample.label("job"), "host");
    assert_eq!(sample.label("instance"), sample.label("host_name"));
    // Arguments of processes may contain passwords.
    let labels = prometheus.query("target_info{job=\"host\"}");
    assert_eq!(labels.len(), 1, "{labels:#?}");
    assert!(labels[0].labels.keys().all(|it| !it.starts_with("process_")), "{labels:#?}");
}
