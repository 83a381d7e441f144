//! The files, as far as these tests read them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use promql_parser::parser::{self, Expr};
use yaml_rust2::{Yaml, YamlLoader};

/// An alert that always fires, so that its absence says something. It has no threshold, and is never silent.
pub(crate) const WATCHDOG: &str = "Watchdog";

/// A recording or alerting rule.
pub(crate) struct Rule {
    pub(crate) file: String,
    /// The alert's or the recorded series' name.
    pub(crate) name: String,
    pub(crate) is_alert: bool,
    pub(crate) query: Expr,
    /// The text of `for`; empty if there is none.
    pub(crate) hold: String,
    pub(crate) keeps_firing: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the YAML documents of a folder by file name.
pub(crate) fn documents(folder: &str) -> Vec<(String, Yaml)> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let mut documents = YamlLoader::load_from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(documents.len(), 1, "{}", path.display());
        (path.file_name().unwrap().to_str().unwrap().to_owned(), documents.remove(0))
    };
    files.into_iter().map(read).collect()
}

/// Returns every rule, in the order of files and in them.
pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (file, document) in documents("collector/prometheus/rules") {
        for group in document["groups"].as_vec().unwrap() {
            rules.extend(group["rules"].as_vec().unwrap().iter().map(|it| Rule::new(&file, it)));
        }
    }
    assert!(100 < rules.len(), "{}", rules.len());
    rules
}

pub(crate) fn alerts() -> Vec<Rule> {
    rules().into_iter().filter(|it| it.is_alert).collect()
}

// === impl Rule ===

impl Rule {
    fn new(file: &str, yaml: &Yaml) -> Self {
        let text = |key: &str| yaml[key].as_str().unwrap_or_default().to_owned();
        let is_alert = !yaml["alert"].is_badvalue();
        let name = text(if is_alert { "alert" } else { "record" });
        let query = parser::parse(&text("expr")).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            file: file.to_owned(),
            name,
            is_alert,
            query,
            hold: text("for"),
            keeps_firing: !yaml["keep_firing_for"].is_badvalue(),
            labels: map(&yaml["labels"]),
            annotations: map(&yaml["annotations"]),
        }
    }
}

fn map(yaml: &Yaml) -> BTreeMap<String, String> {
    let pairs = yaml.as_hash().into_iter().flatten();
    let text = |it: &Yaml| it.as_str().unwrap().to_owned();
    pairs.map(|(key, value)| (text(key), text(value))).collect()
}
