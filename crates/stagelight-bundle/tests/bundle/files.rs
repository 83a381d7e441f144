//! Reads the files under test.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use promql_parser::parser::{self, Expr};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// An alert that always fires, so that its absence is noticed. It has no threshold.
pub(crate) const WATCHDOG: &str = "Watchdog";

/// A recording or alerting rule.
pub(crate) struct Rule {
    pub(crate) file: String,
    /// The alert's or the recorded series' name.
    pub(crate) name: String,
    pub(crate) is_alert: bool,
    /// The query as written.
    pub(crate) text: String,
    pub(crate) query: Expr,
    /// The text of `for`; empty if absent.
    pub(crate) hold: String,
    pub(crate) keeps_firing: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads a file; `path` is relative to the repository's root.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the names of the files in a folder, sorted.
pub(crate) fn list(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Compares a generated file with the committed one; with `UPDATE_EXPECT` set, writes it instead.
#[track_caller]
pub(crate) fn check_generated(path: impl AsRef<Path>, expected: &str) {
    let path = root().join(path);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, expected).unwrap();
    }
    let is_current = fs::read_to_string(&path).is_ok_and(|it| it == expected);
    assert!(is_current, "{} is out of date: rerun with UPDATE_EXPECT=1", path.display());
}

/// Does the same for the part of a file between `<!-- marker -->` and `<!-- /marker -->`.
#[track_caller]
pub(crate) fn check_generated_region(path: &str, marker: &str, expected: &str) {
    let (begin, end) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let text = read(path);
    let (head, rest) = text.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    check_generated(path, &format!("{head}{begin}{expected}{end}{tail}"));
}

/// Returns a folder's YAML documents by file name.
pub(crate) fn documents(folder: &str) -> Vec<(String, Yaml)> {
    let names = list(folder).into_iter().filter(|it| it.ends_with(".yaml"));
    let read = |name: String| {
        let mut documents =
            YamlLoader::load_from_str(&read(Path::new(folder).join(&name))).unwrap();
        assert_eq!(documents.len(), 1, "{name}");
        (name, documents.remove(0))
    };
    names.map(read).collect()
}

/// Returns every rule, in the order of the files.
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

/// Returns a dashboard's panels without the rows, including those of collapsed rows.
pub(crate) fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let all = dashboard["panels"].as_array().into_iter().flatten();
    all.flat_map(|it| [it].into_iter().chain(it["panels"].as_array().into_iter().flatten()))
        .filter(|it| it["type"] != "row")
}

/// Returns every PromQL query of a dashboard or a panel: targets, annotations, variables.
///
/// Grafana's variables are replaced where PromQL does not allow them.
pub(crate) fn queries(json: &Value) -> Vec<String> {
    let queries = strings(json).into_iter().filter_map(|(key, text)| match key {
        "expr" => Some(text),
        "query" => Some(text.strip_prefix("label_values(")?.rsplit_once(", ")?.0),
        _ => None,
    });
    queries.map(without_variables).collect()
}

/// Replaces Grafana's variables in places where PromQL does not allow them.
pub(crate) fn without_variables(query: &str) -> String {
    query.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$offset", "1h")
}

/// Returns every string in a JSON value, with the key it stands under.
pub(crate) fn strings(json: &Value) -> Vec<(&str, &str)> {
    fn collect<'a>(key: &'a str, json: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
        match json {
            Value::String(text) => found.push((key, text)),
            Value::Array(list) => list.iter().for_each(|it| collect(key, it, found)),
            Value::Object(map) => map.iter().for_each(|(key, it)| collect(key, it, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect("", json, &mut found);
    found
}

/// Returns the names of the variables in a text, without Grafana's own (`$__range`) and without
/// the groups of a regular expression (`$1`).
pub(crate) fn variables(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split('$').skip(1).map(|it| {
        let it = it.trim_start_matches('{');
        it.split(|it: char| !it.is_ascii_alphanumeric() && it != '_').next().unwrap_or_default()
    });
    names.filter(|it| !it.starts_with("__") && !it.bytes().all(|it| it.is_ascii_digit()))
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
            text: text("expr"),
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
