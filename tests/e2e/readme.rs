//! The documentation agrees with the code.

use std::{collections::BTreeSet, fs};

use stagelight_core::catalog::{self, Instrument};
use testbed::Workspace;

/// The markers of the first snippet.
const BEGIN: &str = "<!-- minimal:begin -->\n```rust,no_run\n";
const END: &str = "```\n<!-- minimal:end -->\n";

#[test]
fn the_first_snippet_is_the_minimal_example() {
    let path = Workspace::find().path("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let example =
        fs::read_to_string(Workspace::find().path("examples/minimal/src/main.rs")).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (snippet, after) = rest.split_once(END).unwrap();

    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, [before, BEGIN, &example, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(snippet, example, "UPDATE_EXPECT=1 copies the example into the README");
}

#[test]
fn the_minimal_example_is_short() {
    let example = fs::read_to_string(Workspace::find().path("examples/minimal/src/main.rs"));
    let lines = example.unwrap().lines().count();
    assert!(lines < 40, "{lines} lines");
}

#[test]
fn every_metric_in_documented_queries_is_in_the_catalogue() {
    let read = |it: &str| fs::read_to_string(Workspace::find().path(it)).unwrap();
    let documents = ["README.md", "docs/metrics.md", "docs/stages.md"].map(read).concat();
    let blocks = documents.split("```promql\n").skip(1).filter_map(|it| it.split("```").next());

    let used: BTreeSet<_> = blocks.flat_map(metrics_in).collect();

    let known: BTreeSet<String> = catalog::ALL
        .iter()
        .chain(&stagelight_otel::catalog::ALL)
        .flat_map(|it| it.metrics)
        .flat_map(|metric| {
            let name = metric.prometheus_name;
            let is_histogram = matches!(metric.instrument, Instrument::Histogram { .. });
            let parts = if is_histogram { &["_bucket", "_sum", "_count"][..] } else { &[""] };
            parts.iter().map(move |part| format!("{name}{part}"))
        })
        .collect();
    assert!(3 < used.len(), "{used:?}");
    let unknown: Vec<_> = used.difference(&known).collect();
    assert_eq!(unknown, Vec::<&String>::new());
}

/// Returns the names before a range or a selector in a query.
fn metrics_in(query: &str) -> Vec<String> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    let ends = query.match_indices(['[', '{']).map(|(end, _)| &query[..end]);
    let names = ends.map(|before| before.rsplit(|it| !is_part(it)).next().unwrap_or_default());
    names.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}
