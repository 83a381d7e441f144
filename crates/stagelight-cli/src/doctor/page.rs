//! Parses metrics pages in Prometheus' text format.

use std::collections::BTreeMap;

/// The samples of a page, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    samples: Vec<Sample>,
}

/// One sample line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

// === impl Page ===

impl Page {
    /// Parses a page; `None` if a line is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
        Some(Self { samples: lines.map(Sample::parse).collect::<Option<_>>()? })
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Returns the samples with this name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |it| it.name == name)
    }

    /// Returns the sum of the samples with this name; `None` without samples.
    pub(crate) fn sum(&self, name: &str) -> Option<f64> {
        let mut values = self.named(name).map(|it| it.value).peekable();
        values.peek()?;
        Some(values.sum())
    }
}

// === impl Sample ===

impl Sample {
    /// Returns a label's value; empty if the sample lacks it.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", |it| it)
    }

    fn parse(line: &str) -> Option<Self> {
        let end = line.find(|it: char| it == '{' || it.is_whitespace())?;
        let (name, rest) = line.split_at(end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        // A timestamp or an exemplar may follow.
        let value = rest.split_whitespace().next()?.parse().ok()?;
        (!name.is_empty()).then(|| Self { name: name.to_owned(), labels, value })
    }
}

/// Parses labels up to the closing brace; returns them and the rest.
fn parse_labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parse_value(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// Parses a label value up to the closing quote; returns it and the rest.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
