//! Which metrics there are, and which labels each has.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use promql_parser::parser;
use regex::Regex;
use stagelight_core::catalog::{self, Instrument};
use yaml_rust2::{Yaml, YamlLoader};

use super::{
    foreign,
    labels::{self, Labels},
};

/// What may be asked for: the catalogue's metrics, the recorded series, and named ones of other programs.
#[derive(Clone, Debug)]
pub struct Names {
    metrics: BTreeMap<String, Labels>,
    /// Of histograms: there is one of each name with `_bucket`, `_sum`, `_count` and, native, without.
    histograms: Vec<String>,
    catalogue: Vec<String>,
    /// The dashboards' `uid`s.
    pub(super) dashboards: Vec<String>,
    /// File names of the runbooks.
    pub(super) runbooks: Vec<String>,
    knows_collector: bool,
}

/// Why the names could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// A file or a folder could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which one.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A rule file is not YAML.
    #[error("{path} is not YAML: {message}")]
    Yaml {
        /// Which file.
        path: String,
        /// Where and why.
        message: String,
    },
    /// A recorded series' query cannot be parsed.
    #[error("{record} in {path}: {message}")]
    Query {
        /// Which file.
        path: String,
        /// The series.
        record: String,
        /// Where and why.
        message: String,
    },
}

// === impl Names ===

impl Names {
    /// Reads the rules, Prometheus' configuration and the runbooks' names below the repository's root.
    ///
    /// # Errors
    ///
    /// [`NamesError`] when a file cannot be read or understood.
    pub fn read(root: &Path) -> Result<Self, NamesError> {
        let prometheus = root.join("collector/prometheus");
        let resource = resource_labels(&read(&prometheus.join("prometheus.yaml"))?);
        let dashboards = crate::dashboards::all();
        let uids = dashboards.iter().filter_map(|it| it.json["uid"].as_str());
        let mut names = Self {
            metrics: BTreeMap::new(),
            histograms: Vec::new(),
            catalogue: Vec::new(),
            dashboards: uids.map(str::to_owned).collect(),
            runbooks: list(&root.join("collector/runbooks"))?
                .iter()
                .filter_map(|it| Some(it.file_name()?.to_str()?.to_owned()))
                .collect(),
            knows_collector: false,
        };
        names.add_catalogue(&resource);
        for (name, labels) in foreign::all() {
            names.metrics.insert(name.to_owned(), labels);
        }
        names.add_recorded(&prometheus.join("rules"))?;
        Ok(names)
    }

    /// Returns the labels of a metric, or nothing if there is none of this name.
    ///
    /// Of a regular expression of names, as variables have it, the labels of the first that it matches.
    pub(super) fn labels(&self, metric: &str) -> Option<Labels> {
        if self.knows_collector
            && let Some(labels) = foreign::of_collector(metric)
        {
            return Some(labels);
        }
        let named = self.metrics.get(metric);
        let labels = named.or_else(|| {
            let regex = Regex::new(&format!("^(?:{metric})$")).ok()?;
            self.metrics.iter().find(|(name, _)| regex.is_match(name)).map(|it| it.1)
        });
        labels.cloned()
    }

    /// The same names, and the collector's own.
    pub(super) fn with_collector(&self) -> Self {
        Self { knows_collector: true, ..self.clone() }
    }

    /// Whether it is a metric that services of ours make.
    pub(super) fn is_catalogued(&self, metric: &str) -> bool {
        self.catalogue.iter().any(|it| it == metric)
    }

    /// Whether it is a series that a rule records.
    pub(super) fn is_recorded(metric: &str) -> bool {
        metric.contains(':')
    }

    /// Whether it is the name of a whole histogram, which native ones have.
    pub(super) fn is_histogram(&self, metric: &str) -> bool {
        self.histograms.iter().any(|it| it == metric)
    }

    fn add_catalogue(&mut self, resource: &Labels) {
        for family in catalog::ALL {
            let own: Labels = family.labels.iter().map(|it| it.prometheus_name()).collect();
            let labels = &own | resource;
            for metric in family.metrics {
                let name = metric.prometheus_name();
                if matches!(metric.instrument, Instrument::Histogram { .. }) {
                    for suffix in ["_sum", "_count"] {
                        self.add(format!("{name}{suffix}"), &labels);
                    }
                    let mut with_le = labels.clone();
                    with_le.insert("le".to_owned());
                    self.add(format!("{name}_bucket"), &with_le);
                    self.histograms.push(name.clone());
                }
                self.add(name, &labels);
            }
        }
    }

    fn add(&mut self, name: String, labels: &Labels) {
        self.catalogue.push(name.clone());
        self.metrics.insert(name, labels.clone());
    }

    fn add_recorded(&mut self, folder: &Path) -> Result<(), NamesError> {
        let mut rules = Vec::new();
        for path in list(folder)? {
            for document in parse(&path)? {
                rules.extend(recorded(&document).map(|rule| (path.display().to_string(), rule)));
            }
        }
        let parsed = rules
            .into_iter()
            .map(|(path, (record, query, own))| match parser::parse(&query) {
                Ok(expr) => Ok((record, expr, own)),
                Err(message) => Err(NamesError::Query { path, record, message }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        // A series may be recorded of one that stands further down: once more, with all there are.
        for _ in 0..2 {
            for (record, expr, own) in &parsed {
                let found = &labels::of_rule(expr, self) | own;
                self.metrics.entry(record.clone()).or_default().extend(found);
            }
        }
        Ok(())
    }
}

/// Labels that the resource gives to every series.
fn resource_labels(prometheus: &str) -> Labels {
    let promoted = prometheus.split("promote_resource_attributes:").nth(1).unwrap_or_default();
    let names = promoted.lines().skip(1).map_while(|it| it.trim().strip_prefix("- "));
    names
        .map(|it| it.trim().replace('.', "_"))
        .chain(["job", "instance"].map(str::to_owned))
        .collect()
}

/// Returns each recorded series' name, query and own labels.
fn recorded(document: &Yaml) -> impl Iterator<Item = (String, String, Labels)> {
    let groups = document["groups"].as_vec().into_iter().flatten();
    let rules = groups.flat_map(|it| it["rules"].as_vec().into_iter().flatten());
    rules.filter_map(|rule| {
        let record = rule["record"].as_str()?.to_owned();
        let own = rule["labels"].as_hash().into_iter().flatten();
        let own = own.filter_map(|(name, _)| name.as_str().map(str::to_owned)).collect();
        Some((record, rule["expr"].as_str()?.to_owned(), own))
    })
}

/// Returns the files in a folder, in the order of their names.
fn list(folder: &Path) -> Result<Vec<PathBuf>, NamesError> {
    let failed = |source| NamesError::Read { path: folder.display().to_string(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        entries.map(|it| Ok(it?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, NamesError> {
    fs::read_to_string(path)
        .map_err(|source| NamesError::Read { path: path.display().to_string(), source })
}

fn parse(path: &Path) -> Result<Vec<Yaml>, NamesError> {
    YamlLoader::load_from_str(&read(path)?).map_err(|error| NamesError::Yaml {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}
