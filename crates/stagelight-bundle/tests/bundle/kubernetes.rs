//! The copies and objects for Kubernetes are up to date.

use std::{collections::BTreeSet, path::Path};

use stagelight_bundle::kubernetes;

use crate::files::{self, check_generated};

#[test]
fn the_committed_copies_and_objects_are_up_to_date() {
    for file in kubernetes::all(&files::root()).unwrap() {
        check_generated(&file.path, &file.text);
    }
}

#[test]
fn every_committed_rule_object_is_generated() {
    let files = kubernetes::all(&files::root()).unwrap();
    let rules = files.iter().filter(|it| it.path.starts_with(kubernetes::RULES));
    let names: BTreeSet<_> =
        rules.map(|it| it.path.file_name().unwrap().to_str().unwrap()).collect();

    assert_eq!(files::list(kubernetes::RULES), Vec::from_iter(names));
}

#[test]
fn a_rule_file_becomes_an_object_that_kustomize_lists() {
    let files = kubernetes::all(&files::root()).unwrap();
    let text = |name: &str| {
        let path = Path::new(kubernetes::RULES).join(name);
        files.iter().find(|it| it.path == path).map(|it| it.text.as_str()).unwrap()
    };

    let object = text("performance.alerts.yaml");
    assert!(object.contains(
        "\nkind: PrometheusRule\nmetadata:\n  name: stagelight-performance-alerts\nspec:\n"
    ));
    assert!(object.contains("\n  groups:\n"), "{object}");
    assert!(object.contains("\n        - alert: HighBackendTTFB\n"), "{object}");
    assert!(text("kustomization.yaml").contains("\n  - performance.alerts.yaml\n"));
}
