//! What `collector/kubernetes/` repeats of other files is what they say today.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use stagelight_bundle::kubernetes;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_copies_and_objects_are_those_of_today() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for made in kubernetes::all(&root()).unwrap() {
        let path = root().join(&made.path);
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made.text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == made.text,
            "{} is not what it is made of; run this test with UPDATE_EXPECT=1",
            made.path.display()
        );
    }
}

#[test]
fn no_rule_is_left_whose_file_is_gone() {
    let folder = root().join(kubernetes::RULES);
    let committed: BTreeSet<_> =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    let made = kubernetes::all(&root()).unwrap();
    let made = made.iter().filter(|it| it.path.starts_with(kubernetes::RULES));

    assert_eq!(committed, made.map(|it| it.path.file_name().unwrap().to_owned()).collect());
}

#[test]
fn every_shipped_rule_file_becomes_an_object_that_kustomize_takes() {
    let made = kubernetes::all(&root()).unwrap();
    let text = |name: &str| {
        let path = Path::new(kubernetes::RULES).join(name);
        made.iter().find(|it| it.path == path).map(|it| it.text.as_str()).unwrap()
    };

    let object = text("performance.alerts.yaml");
    assert!(object.contains(
        "\nkind: PrometheusRule\nmetadata:\n  name: stagelight-performance-alerts\nspec:\n"
    ));
    assert!(object.contains("\n  groups:\n"), "{object}");
    assert!(object.contains("\n        - alert: HighBackendTTFB\n"), "{object}");
    assert!(text("kustomization.yaml").contains("\n  - performance.alerts.yaml\n"));
}
